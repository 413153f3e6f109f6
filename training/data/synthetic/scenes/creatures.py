"""Barking, chirping, jumping and babbling creatures; the croaking frog is for calibration only.

A mouth starts to open up to 80 ms before the voice, as in nature, and closes with the voice.
"""

import numpy as np

from training.data.synthetic.chance import log_uniform
from training.data.synthetic.performance import Canvas, Performance, Scene, Stage, Use
from training.data.synthetic.scenes import sounds
from training.data.synthetic.scenes.calls import Span, bouts, jerks
from training.data.synthetic.scenes.dogs import perform_bark
from training.data.synthetic.scenes.drawing import Pen, cast, palette, shade
from training.data.synthetic.scenes.jumpers import perform_cartoon_creature


def _chirp(rng: np.random.Generator, low_hz: float, length_s: float, kind: int) -> sounds.Floats:
    x = sounds.seconds(length_s) / length_s
    bends = (1 + 0.5 * x, 1.5 - 0.6 * x, 1 + 0.6 * np.sin(np.pi * x), 1 + 0.12 * np.sin(40 * x))
    pitch = low_hz * bends[kind] * rng.uniform(0.92, 1.08)
    return sounds.fade(length_s, 0.005, 0.4 * length_s) * sounds.wave(pitch, length_s, 2, 3)


def _bird(rng: np.random.Generator, stage: Stage) -> Performance:
    starts = sounds.event_times(rng, stage, 1.2, 0.4)
    length = log_uniform(rng, 0.05, 0.2)
    calls = bouts(rng, starts, int(rng.integers(2, 8)), length + float(rng.uniform(0.06, 0.2)))
    low, lead = float(rng.uniform(1400, 4500)), float(rng.uniform(0, 0.06))
    kinds = rng.integers(4, size=2)
    track = np.zeros(stage.n_samples)
    spans: list[Span] = []
    for time, strength in calls:
        lasting = length * float(rng.uniform(0.8, 1.3))
        sounds.mix(track, _chirp(rng, low, lasting, int(rng.choice(kinds))), time, strength)
        spans.append((time - lead, lead + 1.1 * lasting, 0.4 + 0.6 * strength))
    beak, bob = sounds.openings(stage, spans), jerks(stage, spans, float(rng.uniform(0.12, 0.25)))
    look, tilt, sway = (sounds.wander(rng, stage, period) for period in (0.35, 0.6, 0.9))
    hops = sounds.openings(stage, [(t, 0.2, 1.0) for t in sounds.event_times(rng, stage, 1.6)], 0.5)
    blinks = sounds.openings(stage, [(t, 0.1, 1.0) for t in sounds.event_times(rng, stage, 1.2)])
    spot = cast(rng, stage, 1.5, 1.3, 0.05)
    plumage, breast, bill, branch = palette(rng, 4)
    flip, beak_length, gape = (
        float(rng.choice([-1, 1])),
        float(rng.uniform(0.25, 0.6)),
        float(rng.uniform(0.4, 0.9)),
    )

    def paint(canvas: Canvas, t: float) -> None:
        pen = Pen(canvas, spot.x, spot.y, spot.scale, 0, flip)
        pen.line(np.array([[-1.5, 1.1], [1.5, 1.0]]), branch, 0.14)
        opening, jump, kick = gape * beak.at(t), 0.2 * hops.at(t), bob.at(t)
        body = pen.to(0.08 * sway.at(t), -jump - 0.05 * kick, -0.12 * kick)
        tail = np.array(
            [[-0.6, 0.3], [-1.4, 0.5 - 0.25 * kick], [-1.3, 0.7 - 0.25 * kick], [-0.5, 0.6]]
        )
        body.polygon(tail, shade(plumage, 0.7))
        for x in (-0.1, 0.15):
            body.line(np.array([[x, 0.7], [x, 1.1 + jump]]), bill, 0.05)
        body.ellipse(0, 0.3, 0.75, 0.5 + 0.03 * kick, plumage)
        body.ellipse(0.2, 0.42, 0.5, 0.34 + 0.05 * beak.at(t), breast)
        body.ellipse(-0.25, 0.25, 0.42, 0.22, shade(plumage, 0.75))
        head = body.to(0.6, -0.35, 0.35 * tilt.at(t) - 0.35 * opening)
        side = 0.12 * look.at(t)
        for way in (-1, 1):
            half = head.to(0.28 + side, 0.02, way * opening * 0.6)
            half.polygon(
                np.array([[0, -0.1], [beak_length, 0.0], [0, 0.1]]), shade(bill, 1 + 0.15 * way)
            )
        head.ellipse(0, 0, 0.38, 0.36, plumage)
        head.ellipse(0.12 + side, -0.08, 0.07, 0.07 * (1 - 0.9 * blinks.at(t)), (10, 10, 10))

    return Performance(paint, sounds.mastered(rng, track), spot.focus_px, 2 * spot.scale)


def _croak(rng: np.random.Generator, stage: Stage) -> Performance:
    starts = sounds.event_times(rng, stage, 1.0, 0.4)
    rate, length = float(rng.uniform(18, 70)), float(rng.uniform(0.15, 0.45))
    calls = bouts(rng, starts, 3, length + float(rng.uniform(0.12, 0.3)))
    centre, lead = float(rng.uniform(350, 1500)), float(rng.uniform(0, 0.08))
    track, spans = np.zeros(stage.n_samples), list[Span]()
    for time, strength in calls:
        lasting = length * float(rng.uniform(0.8, 1.2))
        pulses = sounds.wave(rate * (1 + 0.3 * sounds.seconds(lasting) / lasting), lasting, 0.1, 60)
        croak = sounds.formants(pulses, (centre, 2.2 * centre, 4.1 * centre), 0.3)
        sounds.mix(track, sounds.fade(lasting, 0.001, 0.3 * lasting) * croak, time, strength)
        spans.append((time - lead, lead + 1.15 * lasting, strength))
    sac, twitch = sounds.openings(stage, spans, 0.35), sounds.wander(rng, stage, 0.7)
    blinks = sounds.openings(stage, [(t, 0.2, 1.0) for t in sounds.event_times(rng, stage, 1.4)])
    gulp_hz = float(rng.uniform(1.5, 2.5))
    spot = cast(rng, stage, 1.6, 1.0, 0.06)
    skin, throat, leaf, iris = palette(rng, 4)
    swelling, pout = float(rng.uniform(0.35, 0.8)), float(rng.uniform(0, 0.2))
    body = np.array(
        [[-1.1, 0.6], [-1.0, 0.0], [-0.5, -0.5], [0.4, -0.62], [1.0, -0.35], [1.15, 0], [0.7, 0.6]]
    )

    def paint(canvas: Canvas, t: float) -> None:
        pen = Pen(canvas, spot.x, spot.y, spot.scale, 0.03 * twitch.at(t))
        filled = sac.at(t) + 0.04 * (1 + np.sin(2 * np.pi * gulp_hz * t))
        pen.box(0, 0.75, 1.6, 0.12, leaf)
        radius = 0.15 + swelling * filled
        pen.ellipse(0.75 + 0.25 * filled, 0.15 + 0.1 * filled, radius, 0.85 * radius, throat)
        lifted = body - np.array([0, 0.1]) * filled * (body[:, :1] > 0)
        pen.polygon(lifted, skin)
        pen.line(
            np.array([[0.35, -0.05], [1.12, -0.05 - 0.1 * filled]]),
            (30, 40, 20),
            0.03 + pout * filled,
        )
        pen.polygon(
            np.array([[-1.3, 0.65], [-1.0, 0.0], [-0.3, 0.25], [-0.7, 0.68]]), shade(skin, 0.75)
        )
        pen.line(np.array([[0.35, 0.3], [0.45, 0.68]]), shade(skin, 0.7), 0.14)
        pen.ellipse(
            0.62, -0.62 - 0.1 * filled, 0.2, 0.2 * (1 - 0.5 * blinks.at(t)), shade(skin, 1.2)
        )
        pen.box(0.65, -0.62 - 0.1 * filled, 0.13, 0.05 * (1 - blinks.at(t)), shade(iris, 0.4))

    return Performance(
        paint, sounds.mastered(rng, track), (spot.x + 0.6 * spot.scale, spot.y), 2 * spot.scale
    )


SCENES: tuple[Scene, ...] = (
    Scene("bark", perform_bark, 1.5),
    Scene("bird", _bird),
    Scene("cartoon creature", perform_cartoon_creature, 1.2),
    Scene("croak", _croak, use=Use.CALIBRATION),
)
