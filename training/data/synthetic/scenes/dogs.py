"""Dogs of many shapes, from the side or the front, barking in bouts."""

import numpy as np

from training.data.synthetic.performance import Canvas, Performance, Stage
from training.data.synthetic.scenes import sounds
from training.data.synthetic.scenes.calls import Span, bouts, jerks
from training.data.synthetic.scenes.drawing import Colour, Pen, cast, palette, shade


def _bark_sound(
    rng: np.random.Generator, pitch_hz: float, length_s: float, rough: float
) -> sounds.Floats:
    t = sounds.seconds(length_s)
    x = t / length_s
    pitch = pitch_hz * (0.75 + 0.5 * np.sin(np.pi * np.clip(x * 1.2, 0, 1)) - 0.25 * x)
    voice = sounds.wave(pitch * (1 + 0.02 * np.sin(2 * np.pi * 45 * t)), length_s, 0.7, 20)
    breath = sounds.band_noise(rng, len(t), 300, 7000)
    throat = (2.1 * pitch_hz, 3.4 * pitch_hz + 400, 2600 * rng.uniform(0.8, 1.3))
    return sounds.fade(length_s, 0.008, 0.6 * length_s) * sounds.formants(
        voice + rough * breath, throat, 0.35
    )


def perform_bark(rng: np.random.Generator, stage: Stage) -> Performance:
    """A dog barks in bouts; head and body jerk with each bark."""
    starts = sounds.event_times(rng, stage, 1.1, 0.35)
    size, lead = float(rng.uniform(0, 1)), float(rng.uniform(0, 0.08))
    length = float(rng.uniform(0.08, 0.14) + 0.12 * size)
    calls = bouts(rng, starts, 4, float(rng.uniform(0.24, 0.4)))
    pitch, rough = float(900 * np.exp(-1.6 * size)), float(rng.uniform(0.2, 1.5))
    track = np.zeros(stage.n_samples)
    spans: list[Span] = []
    for time, strength in calls:
        lasting = length * float(rng.uniform(0.85, 1.2))
        sounds.mix(
            track, _bark_sound(rng, pitch * (0.85 + 0.3 * strength), lasting, rough), time, strength
        )
        spans.append((time - lead, lead + 1.1 * lasting, strength))
    jaw = sounds.openings(stage, spans, 0.45)
    jerk = jerks(stage, spans, float(rng.uniform(0.18, 0.3)))
    look, nod, wag = (sounds.wander(rng, stage, period) for period in (0.7, 0.9, 0.15))
    blinks = sounds.openings(stage, [(t, 0.14, 1.0) for t in sounds.event_times(rng, stage, 1.5)])
    pant_hz, pants = float(rng.uniform(3, 5)), 0.12 * float(rng.random() < 0.35)
    spot = cast(rng, stage, 1.9, 1.5, 0.06)
    fur, belly, collar, tongue = palette(rng, 4)
    flip, is_front = float(rng.choice([-1, 1])), rng.random() < 0.35
    snout, ear, leg = (float(rng.uniform(low, 1)) for low in (0.35, 0.3, 0.4))
    floppy, reach = rng.random() < 0.5, float(rng.uniform(0.4, 1))

    def paint(canvas: Canvas, t: float) -> None:
        pen = Pen(canvas, spot.x, spot.y, spot.scale, 0, flip)
        opening = max(jaw.at(t), pants * (1 + np.sin(2 * np.pi * pant_hz * t)))
        kick, shut = jerk.at(t), blinks.at(t)
        if is_front:
            breast = 0.9 + 0.02 * np.sin(2.1 * t)
            pen.ellipse(0, 1.0, breast, 0.5 + 0.05 * kick, shade(fur, 0.85))
            head = pen.to(0.12 * look.at(t), -0.05 - 0.16 * reach * kick, 0.12 * nod.at(t))
            _front_head(head, (fur, belly, tongue), opening, shut, ear, floppy, look.at(t))
            return
        _body(pen, fur, collar, leg, kick * reach, wag.at(t))
        turn = 0.15 * nod.at(t) - 0.3 * reach * kick
        head = pen.to(0.85 + 0.14 * reach * kick, -0.55 - 0.08 * reach * kick, turn)
        _side_head(head, (fur, belly, tongue), opening, shut, snout, ear, floppy)

    return Performance(
        paint,
        sounds.mastered(rng, track),
        (spot.x + 0.8 * flip * spot.scale * (not is_front), spot.y),
        2.4 * spot.scale,
    )


def _body(pen: Pen, fur: Colour, collar: Colour, leg: float, kick: float, wag: float) -> None:
    for x in (-0.85, -0.65, 0.45, 0.62):
        pen.line(
            np.array([[x, 0.5], [x + 0.05 * kick * (x > 0), 0.7 + 0.7 * leg]]),
            shade(fur, 0.75),
            0.2,
        )
    tail = np.array([[-1.0, 0.1], [-1.3, -0.2 + 0.1 * wag], [-1.45, -0.55 + 0.3 * wag]])
    pen.line(tail, fur, 0.14)
    pen.ellipse(-0.15 + 0.08 * kick, 0.3 - 0.04 * kick, 1.0, 0.45, fur)
    pen.line(np.array([[0.55 + 0.08 * kick, 0.2], [0.85 + 0.1 * kick, -0.45]]), fur, 0.45)
    pen.line(np.array([[0.5 + 0.08 * kick, -0.2], [0.92 + 0.08 * kick, 0.0]]), collar, 0.12)


def _side_head(
    pen: Pen,
    colours: tuple[Colour, Colour, Colour],
    opening: float,
    shut: float,
    snout: float,
    ear: float,
    floppy: bool,
) -> None:
    fur, belly, tongue = colours
    tip = 0.45 + 0.5 * snout
    jaw = pen.to(0.15, 0.12, 0.75 * opening)
    mouth = np.array(
        [[0.1, 0.05], [tip, 0.08], [tip * 0.95, 0.1 + 0.65 * opening * tip], [0.1, 0.2]]
    )
    pen.polygon(mouth, (40, 15, 20))
    jaw.polygon(
        np.array([[-0.2, 0.0], [0.9 * tip - 0.15, 0.03], [0.85 * tip - 0.15, 0.14], [-0.2, 0.25]]),
        belly,
    )
    jaw.line(np.array([[0, 0.0], [0.65 * tip, 0.0]]), tongue, 0.07)
    pen.ellipse(0, 0, 0.46, 0.4, fur)
    pen.polygon(np.array([[0.1, -0.25], [tip, -0.1], [tip, 0.1], [0.1, 0.16]]), fur)
    pen.ellipse(tip, -0.07, 0.09, 0.08, (20, 18, 18))
    if floppy:
        pen.ellipse(-0.3, 0.05 - 0.1 * opening, 0.13, 0.2 + 0.25 * ear, shade(fur, 0.65))
    else:
        pen.polygon(
            np.array([[-0.35, -0.2], [-0.3, -0.4 - 0.5 * ear], [0.05, -0.33]]), shade(fur, 0.7)
        )
    pen.ellipse(0.14, -0.13, 0.07, 0.07 * (1 - 0.85 * shut), (15, 15, 15))


def _front_head(
    pen: Pen,
    colours: tuple[Colour, Colour, Colour],
    opening: float,
    shut: float,
    ear: float,
    floppy: bool,
    look: float,
) -> None:
    fur, belly, tongue = colours
    for side in (-1.0, 1.0):
        tip = (side * (1.0 + 0.1 * opening), 0.5 if floppy else -0.6 - 0.5 * ear)
        pen.polygon(np.array([[side * 0.4, -0.55], [side * 0.85, -0.3], tip]), shade(fur, 0.6))
    pen.ellipse(0, 0.5 + 0.35 * opening, 0.4, 0.2 + 0.12 * opening, belly)
    pen.ellipse(0, 0.42 + 0.17 * opening, 0.34, 0.05 + 0.26 * opening, (35, 12, 18))
    pen.ellipse(0, 0.46 + 0.3 * opening, 0.2, 0.03 + 0.1 * opening, tongue)
    pen.ellipse(0, -0.1, 0.85, 0.62, fur)
    pen.ellipse(0.06 * look, 0.3, 0.46, 0.24, belly)
    pen.ellipse(0.1 * look, 0.2, 0.15, 0.1, (18, 16, 16))
    for side in (-0.35, 0.35):
        pen.ellipse(side + 0.06 * look, -0.22, 0.1, 0.11 * (1 - 0.9 * shut), (15, 15, 15))
