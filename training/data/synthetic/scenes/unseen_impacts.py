"""Impacts not used for training: colliding pucks, typing fingers, a slamming door."""

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

from training.data.synthetic.performance import SOUND_RATE_HZ, Canvas, Stage, Use
from training.data.synthetic.scenes import impact_kit as kit

_FRACTION_BITS = 4

_Meeting = tuple[float, float, float, float]
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
    knock = kit.voice(rng, kit.STONE if rng.random() < 0.6 else kit.WOOD)
    thump = kit.voice(rng, kit.THUD)
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
) -> tuple[list[tuple[kit.Track, kit.Track]], list[_Meeting], list[_Meeting]]:
    """Simulate n pucks without friction: paths, collisions, and hits of the cushion."""
    room = np.array(area) - 2 * radius
    at = rng.uniform(0, 1, (n, 2)) * room + radius
    for i in range(1, n):
        while np.hypot(*(at[:i] - at[i]).T).min() < 2.2 * radius:
            at[i] = rng.uniform(0, 1, 2) * room + radius
    speed = rng.normal(0, pace, (n, 2))
    now, end = -1.4, stage.duration_s + 1
    keys: list[tuple[list[kit.Key], list[kit.Key]]] = [([], []) for _ in range(n)]
    meetings: list[_Meeting] = []
    cushions: list[_Meeting] = []
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

    Gaps (N, 2) are in px, their change in px/s; times (N,) in s, infinite without a contact.
    """
    along, squared = (gap * closing).sum(1), (closing**2).sum(1)
    inside = along * along - squared * ((gap**2).sum(1) - 4 * radius**2)
    return np.where(
        (along < 0) & (inside > 0),
        (-along - np.sqrt(np.maximum(inside, 0))) / np.maximum(squared, 1e-9),
        np.inf,
    )


def _typing(rng: np.random.Generator, stage: Stage) -> kit.Take:
    size = kit.size_px(rng, stage, 0.25, 1.2)
    n_columns, n_rows = int(rng.integers(8, 13)), int(rng.integers(3, 5))
    pitch = size / n_columns
    middle = kit.place(rng, stage, size, 0.8 * size)
    left, top = middle[0] - size / 2, middle[1] - 0.35 * size
    times = kit.event_times(rng, stage, float(rng.uniform(0.16, 0.4)), 0.09)
    columns, rows = (rng.integers(0, n, len(times)) for n in (n_columns, n_rows))
    spots = np.stack(
        [left + (columns + 0.5) * pitch, top + (rows + 0.5) * pitch], 1, dtype=np.float64
    )
    n_fingers = int(rng.choice([2, 4, 8]))
    finger_of = columns * n_fingers // n_columns
    fingers = [
        _finger(
            rng,
            stage,
            times[finger_of == f],
            spots[finger_of == f],
            (left + (f + 0.5) * size / n_fingers, top + 0.6 * n_rows * pitch),
            pitch,
        )
        for f in range(n_fingers)
    ]
    sounds = [kit.voice(rng, kit.CLICK, pitch) for pitch in (0.7, 1.0, 1.2)]
    levels = rng.uniform(0.4, 1, len(times))
    hits = [
        kit.Hit(t, v, sounds[(3 * r + c) % 3], (float(x), float(y)))
        for t, v, r, c, (x, y) in zip(times, levels, rows, columns, spots, strict=True)
    ]
    case, skin = kit.random_colour(rng), kit.skin_colour(rng)
    cap, nail = kit.other_colour(rng, case), kit.other_colour(rng, skin, 10)
    pressed_s, travel = float(rng.uniform(0.04, 0.09)), float(rng.uniform(0.12, 0.3)) * pitch
    down_s, width = float(rng.uniform(0.015, 0.035)), float(rng.uniform(0.35, 0.6)) * pitch

    def paint(canvas: Canvas, time_s: float) -> None:
        edge = 0.3 * pitch
        right, bottom = left + size + edge, top + n_rows * pitch + edge
        kit.box(canvas, left - edge, top - edge, right, bottom, case)
        ages = time_s - times
        depths = {}
        for i in np.flatnonzero((ages > -down_s) & (ages < pressed_s + 0.05)):
            part = min(1 + ages[i] / down_s, 1, 1 - (ages[i] - pressed_s) / 0.05)
            depths[int(rows[i]), int(columns[i])] = travel * part
        for row in range(n_rows):
            for column in range(n_columns):
                sunk = depths.get((row, column), 0.0)
                x, y = left + (column + 0.08) * pitch, top + (row + 0.08) * pitch + sunk
                low = top + (row + 0.92) * pitch + 0.3 * sunk
                kit.box(canvas, x, y, x + 0.84 * pitch, low, cap)
        for f, (x_of, y_of) in enumerate(fingers):
            x, y = x_of(time_s), y_of(time_s)
            lean = 1 if f < n_fingers / 2 else -1
            root = x + lean * 0.3 * pitch, top + (n_rows + 2.2) * pitch
            _draw_finger(canvas, (x, y), root, width / 2, (skin, nail))

    return kit.Take(paint, hits, middle, size)


def _finger(
    rng: np.random.Generator,
    stage: Stage,
    times: NDArray[np.float64],
    spots: NDArray[np.float64],
    home: kit.Point,
    pitch: float,
) -> tuple[kit.Track, kit.Track]:
    """Position of a fingertip: at rest, above a key, or pressing the key."""
    idle = kit.sway(rng, 0.3 * pitch)
    xs: list[kit.Key] = [(-9.0, home[0], kit.SMOOTH)]
    ys: list[kit.Key] = [(-9.0, home[1], kit.SMOOTH)]
    for i, t in enumerate(times):
        since = t - times[i - 1] if i else 1.0
        x, y = spots[i]
        reach, dx = min(0.14, 0.5 * since), idle(t)[0]
        if i and since > 0.2:
            xs.append((times[i - 1] + 0.05, xs[-1][1], kit.SMOOTH))
            ys.append((times[i - 1] + 0.05, ys[-1][1], kit.SMOOTH))
        fall = 0.35 * reach
        if since > 0.4:
            xs += [(times[i - 1] + 0.15 if i else t - 0.3, home[0] + dx, kit.SMOOTH)]
            ys += [(xs[-1][0], home[1], kit.SMOOTH)]
        xs += [(t - reach, xs[-1][1], kit.SMOOTH), (t - fall, x, kit.SMOOTH), (t, x, kit.SMOOTH)]
        ys += [
            (t - reach, ys[-1][1], kit.SMOOTH),
            (t - fall, y - 0.5 * pitch, kit.SMOOTH),
            (t, y, 1.7),
        ]
    xs.append((1e3, home[0], kit.SMOOTH))
    ys.append((1e3, home[1], kit.SMOOTH))
    return kit.keyed(stage, xs), kit.keyed(stage, ys)


def _draw_finger(
    canvas: Canvas,
    tip: kit.Point,
    root: kit.Point,
    half_width: float,
    colours: tuple[kit.Colour, kit.Colour],
) -> None:
    (x, y), half, (skin, nail) = tip, half_width, colours
    sides = [(x - half, y), (x, y - 0.6 * half), (x + half, y)]
    base = [(root[0] + 1.5 * half, root[1]), (root[0] - 1.5 * half, root[1])]
    kit.polygon(canvas, [*sides, *base], skin)
    kit.box(canvas, x - 0.5 * half, y, x + 0.5 * half, y + 0.7 * half, nail)


def _door_slam(rng: np.random.Generator, stage: Stage) -> kit.Take:
    size = kit.size_px(rng, stage, 0.15, 0.75)
    wide = size * float(rng.uniform(0.4, 0.75))
    middle = kit.place(rng, stage, 2 * wide, 1.25 * size)
    side = float(rng.choice([-1, 1]))
    hinge = middle[0] - side * wide / 2
    toward, view = float(rng.choice([-0.3, 0.35])), float(rng.uniform(0.1, 0.5))
    slam, latch = kit.voice(rng, kit.THUD), kit.voice(rng, kit.WOOD, 0.5)
    angle, hits = _slammed(rng, stage, slam, latch, (hinge + side * wide, middle[1]))
    wall, door, dark = kit.random_colour(rng), kit.random_colour(rng), kit.random_colour(rng)
    panel, knob = kit.other_colour(rng, door, 12), kit.random_colour(rng)
    n_panels, frame = int(rng.integers(0, 4)), 0.06 * size

    def paint(canvas: Canvas, time_s: float) -> None:
        turn = angle(time_s)
        y, half = middle[1], size / 2
        for grow, colour in ((frame, wall), (0.0, dark)):
            x, end = hinge - side * grow, hinge + side * (wide + grow)
            kit.box(canvas, x, y - half - grow, end, y + half, colour)

        def seen(along: float, up: float) -> kit.Point:
            near = 1 / (1 - toward * np.sin(turn) * along)
            across = side * wide * along * np.cos(turn + view) / np.cos(view) * near
            return float(hinge + across), float(y + up * half * near)

        def patch(start: float, high: float, end: float, low: float, colour: kit.Colour) -> None:
            corners = ((start, high), (end, high), (end, low), (start, low))
            kit.polygon(canvas, [seen(along, up) for along, up in corners], colour)

        patch(0, -1, 1, 1, door)
        for i in range(n_panels):
            high, low = -0.85 + 1.75 * i / n_panels, -0.97 + 1.75 * (i + 1) / n_panels
            patch(0.15, high, 0.8, low, panel)
        patch(0.86, 0.02, 0.95, 0.1, knob)

    return kit.Take(paint, hits, middle, size)


def _slammed(
    rng: np.random.Generator, stage: Stage, slam: kit.Voice, latch: kit.Voice, at: kit.Point
) -> tuple[kit.Track, list[kit.Hit]]:
    """Open and slam a door repeatedly: opening angle (rad), and all sounds."""
    angles: list[kit.Key] = [(-9.0, 0.0, kit.SMOOTH)]
    hits: list[kit.Hit] = []
    before = -9.0
    for t in kit.event_times(rng, stage, 2.3, 1.5):
        widest = float(rng.uniform(0.5, 1.45))
        swing = float(rng.uniform(0.25, 0.6))
        opened = t - swing - float(rng.uniform(0.05, 0.3))
        opening = max(before + 0.35, opened - float(rng.uniform(0.4, 0.9)))
        angles += [
            (opening, 0.0, kit.SMOOTH),
            (opened, widest, kit.SMOOTH),
            (t - swing, widest, kit.SMOOTH),
        ]
        angles += [
            (t, 0.0, float(rng.uniform(1.6, 2.8))),
            (t + 0.05, 0.03 * widest, -2.0),
            (t + 0.1, 0.0, 2.0),
        ]
        loud = min(1.0, 0.35 * widest / swing)
        hits += [kit.Hit(t, loud, slam, at), kit.Hit(t, 0.6 * loud, latch, at)]
        if rng.random() < 0.7:
            creak = _creak(rng, opened - opening)
            hits.append(kit.Hit(opening, float(rng.uniform(0.05, 0.15)), creak, at, False))
        before = t
    return kit.keyed(stage, angles), hits


def _creak(rng: np.random.Generator, length_s: float) -> kit.Voice:
    """Generate stick and slip of a hinge: pulses at a wandering rate through a narrow band."""
    n = max(round(length_s * SOUND_RATE_HZ), 2400)
    rate = float(rng.uniform(30, 140)) * np.exp(0.5 * np.sin(np.linspace(0, rng.uniform(2, 9), n)))
    phase = np.cumsum(rate) / SOUND_RATE_HZ
    pulses = np.diff(np.floor(phase), prepend=-1.0) * rng.uniform(0.4, 1, n)
    low = float(rng.uniform(350, 1200))
    band = butter(2, (low, 1.7 * low), "bandpass", fs=SOUND_RATE_HZ, output="sos")
    sound = sosfilt(band, pulses) * np.minimum(1, np.linspace(1, 0, n) * 6)
    return ((sound / np.abs(sound).max()).astype(np.float32),)


TAKES = {"collide": collide, "typing": _typing, "door slam": _door_slam}

SCENES = kit.scenes_of(
    TAKES, {"collide": Use.CALIBRATION, "typing": Use.HELD_OUT, "door slam": Use.HELD_OUT}
)
