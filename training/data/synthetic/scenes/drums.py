"""Drums and cymbals under two sticks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.data.synthetic.performance import Canvas, Stage
from training.data.synthetic.scenes import impact_kit as kit
from training.data.synthetic.scenes.struck_sounds import CYMBAL, SKIN_DRUM, voice


@dataclass(frozen=True, slots=True)
class _DrumSet:
    """Look of the drums and cymbals of a set.

    Attributes:
        flat: Height of a circle seen in perspective, as a share of its width.
        tall: Height of a drum (px).
        shell: Colour of drums and stands.
        skin: Colour of drumheads.
        brass: Colour of cymbals.
    """

    flat: float
    tall: float
    shell: kit.Colour
    skin: kit.Colour
    brass: kit.Colour

    def draw_drum(self, canvas: Canvas, at: kit.Point, radius: float, age_s: float) -> None:
        """Draw a drum around the middle of its head; the head trembles after a blow."""
        x, y = at
        dent = 0.06 * radius * np.sin(90 * age_s) * np.exp(-18 * age_s)
        kit.oval(canvas, (x, y + self.tall), (radius, radius * self.flat), self.shell)
        kit.box(canvas, x - radius, y, x + radius, y + self.tall, self.shell)
        kit.oval(canvas, (x, y), (radius, radius * self.flat), self.skin)
        kit.oval(canvas, (x, y + dent), (radius * 0.85, radius * self.flat * 0.8), self.skin)

    def draw_cymbal(
        self, canvas: Canvas, at: kit.Point, radius: float, age_s: float, thick: float
    ) -> None:
        """Draw a cymbal around its middle, rocking on its stand after a blow."""
        rock = 0.16 * np.sin(22 * age_s) * np.exp(-3 * age_s)
        kit.limb(canvas, at, (at[0], at[1] + 1.3 * self.tall), thick, self.shell)
        kit.oval(canvas, at, (radius * 1.1, radius * self.flat * 0.6), self.brass, rock)


def drum(rng: np.random.Generator, stage: Stage) -> kit.Take:
    """Play up to four drums and cymbals with two sticks."""
    n = int(rng.integers(2, 5))
    size = kit.size_px(rng, stage, 0.15, 0.65)
    middle = kit.place(rng, stage, 1.2 * size, 1.1 * size)
    spots: list[kit.Point] = [
        (
            middle[0] + ((i + 0.5) / n - 0.5) * 1.05 * size,
            middle[1] + float(rng.uniform(-0.02, 0.28)) * size,
        )
        for i in range(n)
    ]
    radii = [float(rng.uniform(0.35, 0.5)) * size / n for _ in range(n)]
    is_cymbal = rng.random(n) < 0.25
    sounds = [
        voice(rng, CYMBAL if c else SKIN_DRUM, float(rng.uniform(0.7, 1.6))) for c in is_cymbal
    ]
    times = kit.event_times(rng, stage, float(rng.choice([0.22, 0.4, 0.7])), 0.13)
    which = rng.integers(0, n, len(times))
    sticks, loudness = _sticks(rng, stage, times, which, spots)
    shell, skin, wood, hand = (kit.random_colour(rng) for _ in range(4))
    skin, hand, brass = (
        kit.other_colour(rng, shell, 30),
        kit.skin_colour(rng),
        kit.random_colour(rng),
    )
    lift, long = float(rng.uniform(0.2, 0.45)) * size, float(rng.uniform(0.35, 0.6)) * size
    drum_set = _DrumSet(
        float(rng.uniform(0.25, 0.6)), float(rng.uniform(0.15, 0.4)) * size, shell, skin, brass
    )
    drift = kit.sway(rng, 0.02 * size)
    has_hands = rng.random() < 0.7

    def paint(canvas: Canvas, time_s: float) -> None:
        for i, (spot, radius) in enumerate(zip(spots, radii, strict=True)):
            past = time_s - times[(which == i) & (times <= time_s)]
            age_s = float(past.min()) if len(past) else 9.0
            if is_cymbal[i]:
                drum_set.draw_cymbal(canvas, spot, radius, age_s, 0.02 * size)
            else:
                drum_set.draw_drum(canvas, spot, radius, age_s)
        for height, x_of, y_of, side in sticks:
            high, (dx, dy) = height(time_s), drift(time_s + 3 * side)
            x, y = x_of(time_s), y_of(time_s) - lift * high
            grip = x + side * (0.45 * long + dx), y + (0.8 - 0.5 * high) * long * 0.8 + dy
            kit.limb(canvas, (x, y), grip, 0.025 * size, wood)
            kit.oval(canvas, (x, y), (0.02 * size, 0.02 * size), wood)
            if has_hands:
                kit.oval(canvas, grip, (0.06 * size, 0.05 * size), hand)
                elbow = grip[0] + side * 0.12 * size, grip[1] + 0.3 * size
                kit.limb(canvas, grip, elbow, 0.07 * size, hand)

    hits = [
        kit.Hit(t, v, sounds[w], spots[w]) for t, v, w in zip(times, loudness, which, strict=True)
    ]
    return kit.Take(paint, hits, middle, size)


def _sticks(
    rng: np.random.Generator,
    stage: Stage,
    times: NDArray[np.float64],
    which: NDArray[np.int64],
    spots: Sequence[kit.Point],
) -> tuple[list[tuple[kit.Track, kit.Track, kit.Track, float]], NDArray[np.float64]]:
    """Distribute blows over two sticks.

    Args:
        rng: Source of all randomness.
        stage: Canvas and duration.
        times: Times of the blows (s).
        which: Index of the drum of each blow.
        spots: Positions of the drums, from left to right.

    Returns:
        Height (0 touching, 1 highest), x and y of the tip, and side (-1 left, 1 right) of each
        playing stick; loudness of each blow.
    """
    # The left stick plays the left drums, with exceptions.
    reach = which + rng.uniform(-1, 1, len(times))
    stick_of = (reach >= (len(spots) - 1) / 2).astype(int)
    sticks, loudness = [], np.ones(len(times))
    for stick in (0, 1):
        mine = stick_of == stick
        if not mine.any():
            continue
        height, loudness[mine] = kit.strokes(rng, stage, times[mine], float(rng.uniform(0.15, 0.5)))
        xs: list[kit.Key] = []
        ys: list[kit.Key] = []
        for t, w in zip(times[mine], which[mine], strict=True):
            for keys, value in zip((xs, ys), spots[w], strict=True):
                keys += [(t - 0.03, value, kit.SMOOTH), (t + 0.03, value, kit.SMOOTH)]
        sticks.append((height, kit.keyed(stage, xs), kit.keyed(stage, ys), float(2 * stick - 1)))
    return sticks, loudness
