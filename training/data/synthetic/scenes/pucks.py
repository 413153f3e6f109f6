"""Colliding pucks, gliding without friction."""

import cv2
import numpy as np
from numpy.typing import NDArray

from training.data.synthetic.performance import Canvas, Stage
from training.data.synthetic.scenes import impact_kit as kit
from training.data.synthetic.scenes.struck_sounds import STONE, THUD, WOOD, voice

_FRACTION_BITS = 4

Meeting = tuple[float, float, float, float]
"""Time (s), loudness, x, y."""


def collide(rng: np.random.Generator, stage: Stage) -> kit.Take:
    """Glide pucks or billiard balls on a table until they collide."""
    wide = min(kit.size_px(rng, stage, 0.35, 1.5), 0.95 * stage.width_px)
    tall = min(wide * float(rng.uniform(0.45, 0.8)), 0.95 * stage.height_px)
    n = int(rng.integers(2, 6))
    radius = tall * float(rng.uniform(0.06, 0.12))
    middle = kit.place(rng, stage, wide, tall)
    left, top = middle[0] - wide / 2, middle[1] - tall / 2
    pace = tall * float(rng.uniform(0.35, 1.0))
    tracks, meetings, cushions = _glide(rng, stage, n, radius, (wide, tall), pace)
    knock = voice(rng, STONE if rng.random() < 0.6 else WOOD)
    thump = voice(rng, THUD)
    hits = [kit.Hit(t, v, knock, (left + x, top + y)) for t, v, x, y in meetings]
    hits += [kit.Hit(t, 0.35 * v, thump, (left + x, top + y)) for t, v, x, y in cushions]
    cloth, rim = kit.random_colour(rng), kit.random_colour(rng)
    colours = [kit.other_colour(rng, cloth, 30) for _ in range(n)]
    marks = [kit.other_colour(rng, colour, 30) for colour in colours]
    is_spotted, has_table = rng.random() < 0.5, rng.random() < 0.7

    def paint(canvas: Canvas, time_s: float) -> None:
        if has_table:
            edge = 0.06 * tall
            for grow, colour in ((edge, rim), (0.0, cloth)):
                right, bottom = left + wide + grow, top + tall + grow
                kit.box(canvas, left - grow, top - grow, right, bottom, colour)
        for (x_of, y_of), colour, mark in zip(tracks, colours, marks, strict=True):
            at = left + x_of(time_s), top + y_of(time_s)
            _disc(canvas, at, radius, colour)
            if is_spotted:
                _disc(canvas, at, 0.45 * radius, mark)
            else:
                _disc(canvas, at, 0.75 * radius, mark, line_px=1)

    return kit.Take(paint, hits, middle, wide)


def _disc(
    canvas: Canvas, at: kit.Point, radius: float, colour: kit.Colour, line_px: int = cv2.FILLED
) -> None:
    """Fill a circle, or draw its outline."""
    x, y, r = (round(value * (1 << _FRACTION_BITS)) for value in (*at, radius))
    cv2.circle(canvas, (x, y), r, colour, line_px, cv2.LINE_AA, _FRACTION_BITS)


def _glide(
    rng: np.random.Generator, stage: Stage, n: int, radius: float, area: kit.Point, pace: float
) -> tuple[list[tuple[kit.Track, kit.Track]], list[Meeting], list[Meeting]]:
    """Simulate n pucks without friction: paths, collisions, and hits of the cushion."""
    room = np.array(area) - 2 * radius
    at = rng.uniform(0, 1, (n, 2)) * room + radius
    for i in range(1, n):
        while np.hypot(*(at[:i] - at[i]).T).min() < 2.2 * radius:
            at[i] = rng.uniform(0, 1, 2) * room + radius
    speed = rng.normal(0, pace, (n, 2))
    now, end = -1.4, stage.duration_s + 1
    keys: list[tuple[list[kit.Key], list[kit.Key]]] = [([], []) for _ in range(n)]
    meetings: list[Meeting] = []
    cushions: list[Meeting] = []
    first, second = np.triu_indices(n, 1)
    while True:
        for i in range(n):
            for axis in (0, 1):
                keys[i][axis].append((now, float(at[i, axis]), 1.0))
        if now >= end:
            break
        with np.errstate(divide="ignore", invalid="ignore"):
            goal = np.where(speed > 0, np.array(area) - radius - at, radius - at)
            to_wall = np.where(speed == 0, np.inf, np.maximum(goal / speed, 0))
        meets = _times_to_meet(at[first] - at[second], speed[first] - speed[second], radius)
        wall_s, pair_s = float(to_wall.min()), float(max(meets.min(), 0))
        step = min(wall_s, pair_s, end - now + 1e-6)
        at, now = at + speed * step, now + step
        if step == pair_s:
            i, j = int(first[meets.argmin()]), int(second[meets.argmin()])
            along = (at[i] - at[j]) / (2 * radius)
            push = float((speed[i] - speed[j]) @ along)
            x, y = (float(v) for v in (at[i] + at[j]) / 2)
            meetings.append((now, min(1.0, abs(push) / (2.5 * pace)), x, y))
            speed[i], speed[j] = speed[i] - push * along, speed[j] + push * along
        elif step == wall_s:
            i, axis = divmod(int(to_wall.argmin()), 2)
            hard = min(1.0, abs(float(speed[i, axis])) / (1.5 * pace))
            cushions.append((now, hard, float(at[i, 0]), float(at[i, 1])))
            speed[i, axis] *= -1
    ways = [(kit.keyed(stage, xs), kit.keyed(stage, ys)) for xs, ys in keys]
    return ways, meetings, cushions


def _times_to_meet(
    gap: NDArray[np.float64], closing: NDArray[np.float64], radius: float
) -> NDArray[np.float64]:
    """Times of contact of pairs of pucks: the first root of |gap + closing * t| = 2 * radius.

    Args:
        gap: (N, 2) vector from one puck to the other (px).
        closing: (N, 2) change of the gap (px/s).
        radius: Radius of all pucks (px).

    Returns:
        (N,) seconds; infinite for pairs without contact.
    """
    along, squared = (gap * closing).sum(1), (closing**2).sum(1)
    inside = along * along - squared * ((gap**2).sum(1) - 4 * radius**2)
    return np.where(
        (along < 0) & (inside > 0),
        (-along - np.sqrt(np.maximum(inside, 0))) / np.maximum(squared, 1e-9),
        np.inf,
    )
