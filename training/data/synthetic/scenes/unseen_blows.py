"""Blows that are kept for measuring: colliding pucks, typing fingers, a door that slams."""

from collections.abc import Callable

import cv2
import numpy as np
from scipy.signal import butter, sosfilt

from training.data.synthetic.performance import SOUND_RATE_HZ, Canvas, Stage, Use
from training.data.synthetic.scenes.blows import (
    SMOOTH,
    Hit,
    Key,
    Point,
    Take,
    beside,
    event_times,
    keyed,
    place,
    polygon,
    random_colour,
    scenes_of,
    size_px,
    skin_colour,
    sway,
)
from training.data.synthetic.scenes.struck_sounds import (
    CLICK,
    STONE,
    THUD,
    WOOD,
    Voice,
    voice,
)

_FRACTION_BITS = 4


def _collide(rng: np.random.Generator, stage: Stage) -> Take:
    wide = min(size_px(rng, stage, 0.35, 1.5), 0.95 * stage.width_px)
    tall = min(wide * float(rng.uniform(0.45, 0.8)), 0.95 * stage.height_px)
    n = int(rng.integers(2, 6))
    radius = tall * float(rng.uniform(0.06, 0.12))
    middle = place(rng, stage, wide, tall)
    left, top = middle[0] - wide / 2, middle[1] - tall / 2
    pace = tall * float(rng.uniform(0.35, 1.0))
    tracks, meetings, cushions = _glide(rng, stage, n, radius, (wide, tall), pace)
    knock = voice(rng, STONE if rng.random() < 0.6 else WOOD)
    thump = voice(rng, THUD)
    hits = [Hit(t, v, knock, (left + x, top + y)) for t, v, x, y in meetings]
    hits += [Hit(t, 0.35 * v, thump, (left + x, top + y)) for t, v, x, y in cushions]
    cloth, rim = random_colour(rng), random_colour(rng)
    colours = [beside(rng, cloth, 30) for _ in range(n)]
    marks = [beside(rng, colour, 30) for colour in colours]
    banded, has_table = rng.random() < 0.5, rng.random() < 0.7

    def paint(canvas: Canvas, time_s: float) -> None:
        if has_table:
            edge = 0.06 * tall
            for grow, colour in ((edge, rim), (0.0, cloth)):
                a, b = left - grow, top - grow
                c, d = left + wide + grow, top + tall + grow
                polygon(canvas, [(a, b), (c, b), (c, d), (a, d)], colour)
        for (x_of, y_of), colour, mark in zip(tracks, colours, marks, strict=True):
            at = left + x_of(time_s), top + y_of(time_s)
            fixed = round(at[0] * 16), round(at[1] * 16)
            cv2.circle(canvas, fixed, round(radius * 16), colour, -1, cv2.LINE_AA, _FRACTION_BITS)
            inner = 0.45 * radius if banded else 0.75 * radius
            cv2.circle(canvas, fixed, round(inner * 16), mark, -1 if banded else 1, cv2.LINE_AA,
                       _FRACTION_BITS)  # fmt: skip

    return Take(paint, hits, middle, wide)


Track = Callable[[float], float]
Meeting = tuple[float, float, float, float]
"""Time, loudness, x, y."""


def _glide(
    rng: np.random.Generator, stage: Stage, n: int, radius: float, area: Point, pace: float
) -> tuple[list[tuple[Track, Track]], list[Meeting], list[Meeting]]:
    """Let n pucks glide without friction: their ways, their meetings, and hits of the cushion."""
    room = np.array(area) - 2 * radius
    at = rng.uniform(0, 1, (n, 2)) * room + radius
    for i in range(1, n):
        while np.hypot(*(at[:i] - at[i]).T).min() < 2.2 * radius:
            at[i] = rng.uniform(0, 1, 2) * room + radius
    speed = rng.normal(0, pace, (n, 2))
    now, end = -1.4, stage.duration_s + 1
    keys: list[tuple[list[Key], list[Key]]] = [([], []) for _ in range(n)]
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
        gap, closing = at[first] - at[second], speed[first] - speed[second]
        b, a = (gap * closing).sum(1), (closing**2).sum(1)
        inside = b * b - a * ((gap**2).sum(1) - 4 * radius**2)
        meets = np.where((b < 0) & (inside > 0),
                         (-b - np.sqrt(np.maximum(inside, 0))) / np.maximum(a, 1e-9),
                         np.inf)  # fmt: skip
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
    ways = [(keyed(stage, xs), keyed(stage, ys)) for xs, ys in keys]
    return ways, meetings, cushions


def _typing(rng: np.random.Generator, stage: Stage) -> Take:
    size = size_px(rng, stage, 0.25, 1.2)
    n_columns, n_rows = int(rng.integers(8, 13)), int(rng.integers(3, 5))
    pitch = size / n_columns
    middle = place(rng, stage, size, 0.8 * size)
    left, top = middle[0] - size / 2, middle[1] - 0.35 * size
    times = event_times(rng, stage, float(rng.uniform(0.16, 0.4)), 0.09)
    columns, rows = (rng.integers(0, n, len(times)) for n in (n_columns, n_rows))
    spots = np.stack([left + (columns + 0.5) * pitch, top + (rows + 0.5) * pitch], 1)
    n_fingers = int(rng.choice([2, 4, 8]))
    finger_of = columns * n_fingers // n_columns
    fingers = [_finger(rng, stage, times[finger_of == f], spots[finger_of == f],
                       (left + (f + 0.5) * size / n_fingers, top + 0.6 * n_rows * pitch), pitch)
               for f in range(n_fingers)]  # fmt: skip
    sounds = [voice(rng, CLICK, pitch) for pitch in (0.7, 1.0, 1.2)]
    levels = rng.uniform(0.4, 1, len(times))
    hits = [
        Hit(t, v, sounds[(3 * r + c) % 3], (float(x), float(y)))
        for t, v, r, c, (x, y) in zip(times, levels, rows, columns, spots, strict=True)
    ]
    case, skin = random_colour(rng), skin_colour(rng)
    cap, nail = beside(rng, case), beside(rng, skin, 10)
    pressed_s, travel = float(rng.uniform(0.04, 0.09)), float(rng.uniform(0.12, 0.3)) * pitch
    down_s, width = float(rng.uniform(0.015, 0.035)), float(rng.uniform(0.35, 0.6)) * pitch

    def paint(canvas: Canvas, time_s: float) -> None:
        a, b, c, d = left - 0.3 * pitch, top - 0.3 * pitch, left + size, top + n_rows * pitch
        edge = 0.3 * pitch
        polygon(canvas, [(a, b), (c + edge, b), (c + edge, d + edge), (a, d + edge)], case)
        ages = time_s - times
        moving = np.flatnonzero((ages > -down_s) & (ages < pressed_s + 0.05))
        depth = {}
        for i in moving:
            part = min(1 + ages[i] / down_s, 1, 1 - (ages[i] - pressed_s) / 0.05)
            depth[int(rows[i]), int(columns[i])] = travel * part
        for row in range(n_rows):
            for column in range(n_columns):
                sunk = depth.get((row, column), 0.0)
                x, y = left + (column + 0.08) * pitch, top + (row + 0.08) * pitch + sunk
                right, low = x + 0.84 * pitch, top + (row + 0.92) * pitch + 0.3 * sunk
                polygon(canvas, [(x, y), (right, y), (right, low), (x, low)], cap)
        for f, (x_of, y_of) in enumerate(fingers):
            x, y = x_of(time_s), y_of(time_s)
            side = 1 if f < n_fingers / 2 else -1
            root = x + side * 0.3 * pitch, top + (n_rows + 2.2) * pitch
            half = width / 2
            polygon(canvas, [(x - half, y), (x, y - 0.6 * half), (x + half, y),
                             (root[0] + 1.5 * half, root[1]), (root[0] - 1.5 * half, root[1])],
                    skin)  # fmt: skip
            polygon(canvas, [(x - 0.5 * half, y), (x + 0.5 * half, y),
                             (x + 0.5 * half, y + 0.7 * half), (x - 0.5 * half, y + 0.7 * half)],
                    nail)  # fmt: skip

    return Take(paint, hits, middle, size)


def _finger(
    rng: np.random.Generator, stage: Stage, times: np.ndarray, spots: np.ndarray, home: Point,
    pitch: float,
) -> tuple[Track, Track]:  # fmt: skip
    """Return where the tip of a finger is: at home, or over and then on the keys it presses."""
    idle = sway(rng, 0.3 * pitch)
    xs: list[Key] = [(-9.0, home[0], SMOOTH)]
    ys: list[Key] = [(-9.0, home[1], SMOOTH)]
    for i, t in enumerate(times):
        since = t - times[i - 1] if i else 1.0
        x, y = spots[i]
        reach, dx = min(0.14, 0.5 * since), idle(t)[0]
        if i and since > 0.2:
            xs.append((times[i - 1] + 0.05, xs[-1][1], SMOOTH))
            ys.append((times[i - 1] + 0.05, ys[-1][1], SMOOTH))
        fall = 0.35 * reach
        if since > 0.4:
            xs += [(times[i - 1] + 0.15 if i else t - 0.3, home[0] + dx, SMOOTH)]
            ys += [(xs[-1][0], home[1], SMOOTH)]
        xs += [(t - reach, xs[-1][1], SMOOTH), (t - fall, x, SMOOTH), (t, x, SMOOTH)]
        ys += [(t - reach, ys[-1][1], SMOOTH), (t - fall, y - 0.5 * pitch, SMOOTH), (t, y, 1.7)]
    xs.append((1e3, home[0], SMOOTH))
    ys.append((1e3, home[1], SMOOTH))
    return keyed(stage, xs), keyed(stage, ys)


def _door_slam(rng: np.random.Generator, stage: Stage) -> Take:
    size = size_px(rng, stage, 0.15, 0.75)
    wide = size * float(rng.uniform(0.4, 0.75))
    middle = place(rng, stage, 2 * wide, 1.25 * size)
    side = float(rng.choice([-1, 1]))
    hinge = middle[0] - side * wide / 2
    toward, view = float(rng.choice([-0.3, 0.35])), float(rng.uniform(0.1, 0.5))
    slam, latch = voice(rng, THUD), voice(rng, WOOD, 0.5)
    angles: list[Key] = [(-9.0, 0.0, SMOOTH)]
    hits: list[Hit] = []
    before = -9.0
    for t in event_times(rng, stage, 2.3, 1.5):
        widest = float(rng.uniform(0.5, 1.45))
        swing = float(rng.uniform(0.25, 0.6))
        opened = t - swing - float(rng.uniform(0.05, 0.3))
        opening = max(before + 0.35, opened - float(rng.uniform(0.4, 0.9)))
        angles += [(opening, 0.0, SMOOTH), (opened, widest, SMOOTH), (t - swing, widest, SMOOTH)]
        angles += [(t, 0.0, float(rng.uniform(1.6, 2.8))), (t + 0.05, 0.03 * widest, -2.0),
                   (t + 0.1, 0.0, 2.0)]  # fmt: skip
        loud = min(1.0, 0.35 * widest / swing)
        at = hinge + side * wide, middle[1]
        hits += [Hit(t, loud, slam, at), Hit(t, 0.6 * loud, latch, at)]
        if rng.random() < 0.7:
            creak = _creak(rng, opened - opening)
            hits.append(Hit(opening, float(rng.uniform(0.05, 0.15)), creak, at, False))
        before = t
    angle = keyed(stage, angles)
    wall, door, dark = random_colour(rng), random_colour(rng), random_colour(rng)
    panel, knob = beside(rng, door, 12), random_colour(rng)
    n_panels, frame = int(rng.integers(0, 4)), 0.06 * size

    def paint(canvas: Canvas, time_s: float) -> None:
        a = angle(time_s)
        y, half = middle[1], size / 2
        for grow, colour in ((frame, wall), (0.0, dark)):
            x, right = hinge - side * grow, hinge + side * (wide + grow)
            polygon(canvas, [(x, y - half - grow), (right, y - half - grow), (right, y + half),
                             (x, y + half)], colour)  # fmt: skip

        def seen(along: float, up: float) -> Point:
            near = 1 / (1 - toward * np.sin(a) * along)
            return (float(hinge + side * wide * along * np.cos(a + view) / np.cos(view) * near),
                    float(y + up * half * near))  # fmt: skip

        polygon(canvas, [seen(0, -1), seen(1, -1), seen(1, 1), seen(0, 1)], door)
        for i in range(n_panels):
            up, down = -0.85 + 1.75 * i / n_panels, -0.97 + 1.75 * (i + 1) / n_panels
            polygon(canvas, [seen(0.15, up), seen(0.8, up), seen(0.8, down), seen(0.15, down)],
                    panel)  # fmt: skip
        polygon(canvas, [seen(0.86, 0.02), seen(0.95, 0.02), seen(0.95, 0.1), seen(0.86, 0.1)],
                knob)  # fmt: skip

    return Take(paint, hits, middle, size)


def _creak(rng: np.random.Generator, length_s: float) -> Voice:
    """Return stick and slip of a hinge: pulses at a wandering rate through a narrow band."""
    n = max(round(length_s * SOUND_RATE_HZ), 2400)
    rate = float(rng.uniform(30, 140)) * np.exp(0.5 * np.sin(np.linspace(0, rng.uniform(2, 9), n)))
    phase = np.cumsum(rate) / SOUND_RATE_HZ
    pulses = np.diff(np.floor(phase), prepend=-1.0) * rng.uniform(0.4, 1, n)
    low = float(rng.uniform(350, 1200))
    band = butter(2, (low, 1.7 * low), "bandpass", fs=SOUND_RATE_HZ, output="sos")
    sound = sosfilt(band, pulses) * np.minimum(1, np.linspace(1, 0, n) * 6)
    return ((sound / np.abs(sound).max()).astype(np.float32),)


TAKES = {"collide": _collide, "typing": _typing, "door slam": _door_slam}
SCENES = scenes_of(
    TAKES, {"collide": Use.CALIBRATION, "typing": Use.HELD_OUT, "door slam": Use.HELD_OUT}
)
