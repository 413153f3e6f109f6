"""Jumping, landing and babbling cartoon creatures."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.data.synthetic.chance import log_uniform
from training.data.synthetic.performance import Canvas, Performance, Stage
from training.data.synthetic.scenes import sounds
from training.data.synthetic.scenes.calls import Span
from training.data.synthetic.scenes.drawing import Colour, Pen, cast, palette, shade


def _swing(past_s: float, period_s: float) -> float:
    """Decaying swing with a peak of about 1."""
    if not 0 <= past_s < 4 * period_s:
        return 0.0
    return float(1.6 * np.exp(-past_s / (0.5 * period_s)) * np.sin(2 * np.pi * past_s / period_s))


def _boing(rng: np.random.Generator, strength: float) -> sounds.Floats:
    t = sounds.seconds(0.45)
    spring = 1 + 0.35 * np.exp(-t / 0.2) * np.sin(2 * np.pi * rng.uniform(12, 22) * t)
    pitch = rng.uniform(140, 420) * (1 + 1.2 * strength * t) * spring
    return np.exp(-t / 0.14) * sounds.fade(0.45, 0.003, 0.1) * sounds.wave(pitch, 0.45, 1.1, 8)


def _babble(
    rng: np.random.Generator, start: float, end: float, pitch_hz: float, track: sounds.Floats
) -> list[Span]:
    """Add babbled syllables to the track; returns the times and sizes of the mouth openings."""
    spans: list[Span] = []
    time, lead = start, float(rng.uniform(0.0, 0.06))
    while time < end:
        length, loud = float(rng.uniform(0.07, 0.22)), float(rng.uniform(0.35, 1))
        x = sounds.seconds(length) / length
        source = sounds.wave(pitch_hz * (1 + rng.uniform(-0.4, 0.4) * x), length, 0.6, 24)
        source += 0.15 * sounds.band_noise(rng, len(x), 500, 9000)
        vowel = (rng.uniform(350, 1100), rng.uniform(1100, 3000), 3800.0)
        sounds.mix(
            track,
            sounds.fade(length, 0.015, 0.4 * length) * sounds.formants(source, vowel),
            time,
            0.7 * loud,
        )
        spans.append((time - lead, lead + 1.05 * length, loud))
        time += length + float(rng.choice([0.03, 0.06, 0.25], p=[0.5, 0.35, 0.15]))
    return spans


@dataclass(frozen=True, slots=True, eq=False)
class _Jumps:
    """Times, heights and durations of jumps."""

    acts: sounds.Floats
    heights: sounds.Floats
    flights: sounds.Floats
    is_jump: NDArray[np.bool_]
    crouch_s: float

    def posture(self, t: float) -> tuple[float, float]:
        """Height above the ground, and stretch (below 0: squash)."""
        index, past, future = sounds.since(self.acts, t)
        stretch = 0.02 * float(np.sin(2.4 * t))
        if index >= 0 and self.is_jump[index]:
            flight, height = float(self.flights[index]), float(self.heights[index])
            if past < flight:
                x = past / flight
                return 5.6 * height * x * (1 - x), 0.3 * abs(1 - 2 * x) ** 1.5
            stretch -= 0.4 * height * _swing(past - flight, 0.3)
        if index + 1 < len(self.acts) and self.is_jump[index + 1] and future < self.crouch_s:
            # The creature squashes, then pushes off and leaves the ground stretched.
            x = 1 - future / self.crouch_s
            push = max(0.0, (x - 0.8) / 0.2) ** 2
            stretch += 0.3 * push - 0.3 * float(np.sin(np.pi * min(x / 0.8, 1)))
        return 0.0, stretch


def _draw_limbs(pen: Pen, limbs: Colour, wide: float, tall: float, raised: float) -> None:
    for side in (-1, 1):
        pen.ellipse(side * 0.4 * wide, 0.0, 0.22, 0.1, limbs)
        hand = [side * (wide + 0.25), -0.9 - 0.5 * raised]
        pen.line(np.array([[side * wide * 0.9, -tall], hand]), limbs, 0.13)


def _draw_eyes(
    pen: Pen, places: sounds.Floats, y: float, pupil: Colour, aside: float, wide_open: float
) -> None:
    for x in places:
        pen.ellipse(x, y, 0.2, 0.22 * wide_open, (245, 245, 240))
        pen.ellipse(x + 0.09 * aside, y, 0.09, 0.1 * wide_open, shade(pupil, 0.4))


def perform_cartoon_creature(rng: np.random.Generator, stage: Stage) -> Performance:
    """A creature jumps with a boing and a thump, or babbles."""
    acts = sounds.event_times(rng, stage, 1.1, 0.75)
    heights, ends = rng.uniform(0.3, 1.0, len(acts)), np.append(acts[1:], acts[-1] + 1.2)
    talkative = float(rng.uniform(0.1, 0.7))
    is_jump = rng.random(len(acts)) > talkative
    flights = np.where(is_jump, 0.5 * np.sqrt(heights), 0.0)
    landings = acts + flights
    pitch = log_uniform(rng, 180, 650)
    thump = sounds.click(rng, float(rng.uniform(50, 120)), float(rng.uniform(400, 2500)), 0.03)
    track, spans = np.zeros(stage.n_samples), list[Span]()
    for act, end, landing, height, jumps_now in zip(
        acts, ends, landings, heights, is_jump, strict=True
    ):
        if jumps_now:
            sounds.mix(track, _boing(rng, height), act, 0.25 + 0.4 * height)
            sounds.mix(track, thump, landing, 0.4 + 0.8 * height)
        elif rng.random() < 0.85:
            spans += _babble(rng, act, end - 0.3, pitch, track)
    mouth, look, lean = (
        sounds.openings(stage, spans),
        sounds.wander(rng, stage, 0.5),
        sounds.wander(rng, stage, 0.8),
    )
    blinks = sounds.openings(stage, [(t, 0.14, 1.0) for t in sounds.event_times(rng, stage, 1.2)])
    spot = cast(rng, stage, 1.2, 1.9, 0.08)
    skin, limbs, lips, pupil = palette(rng, 4)
    n_eyes, width = int(rng.integers(1, 4)), float(rng.uniform(0.6, 1))
    turn = np.linspace(0, 2 * np.pi, 36, endpoint=False)
    around = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    outline = np.sign(around) * np.abs(around) ** float(rng.uniform(0.5, 1))
    jumps = _Jumps(acts, heights, flights, is_jump, float(rng.uniform(0.12, 0.3)))

    def paint(canvas: Canvas, t: float) -> None:
        height, stretch = jumps.posture(t)
        opening, aside = mouth.at(t), look.at(t)
        stretch += 0.05 * opening
        tall, wide = 0.8 * (1 + stretch), 0.9 * width / (1 + stretch)
        ground = Pen(canvas, spot.x, spot.y + 1.8 * spot.scale, spot.scale)
        ground.ellipse(0, 0.03, 0.8 - 0.2 * height, 0.08, (40, 40, 40))
        pen = ground.to(0.1 * lean.at(t), -0.1 - height, 0.06 * lean.at(t))
        _draw_limbs(pen, limbs, wide, tall, np.clip(stretch, -0.3, 1) + 0.6 * (height > 0))
        pen.polygon(outline * (wide, tall) + (0, -tall), skin)
        eyes = 0.84 * wide * (np.arange(n_eyes) - (n_eyes - 1) / 2) / max(n_eyes - 1, 1)
        _draw_eyes(pen, eyes, -1.35 * tall, pupil, aside, 1 - 0.9 * blinks.at(t))
        lip, gap = (0.3 - 0.08 * opening, 0.06 + 0.3 * opening), 0.01 + 0.27 * opening
        pen.ellipse(0.05 * aside, -0.75 * tall, *lip, lips)
        pen.ellipse(0.05 * aside, -0.75 * tall, 0.8 * lip[0], gap, (30, 10, 15))

    return Performance(paint, sounds.mastered(rng, track), spot.focus_px, 2.4 * spot.scale)
