"""Figures that step and hit, and what is kept for testing: collisions, typing, slamming doors."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from training.data.synthetic.performance import Canvas, Stage
from training.data.synthetic.scenes.blows import (
    SMOOTH,
    Hit,
    Key,
    Point,
    Take,
    beside,
    box,
    event_times,
    keyed,
    limb,
    oval,
    place,
    polygon,
    random_colour,
    scenes_of,
    size_px,
    skin_colour,
    sway,
    turned,
)
from training.data.synthetic.scenes.struck_sounds import (
    RUBBER,
    STONE,
    STRINGS,
    THUD,
    WOOD,
    voice,
)


def _footsteps(rng: np.random.Generator, stage: Stage) -> Take:
    size = size_px(rng, stage, 0.1, 0.75)
    times = event_times(rng, stage, 0.52, 0.26)
    goes_across, only_legs = rng.random() < 0.5, rng.random() < 0.4
    step = float(rng.uniform(0.25, 0.42)) * size
    wide = max(size, float(rng.uniform(0.5, 0.95)) * stage.width_px) if goes_across else size
    middle = place(rng, stage, wide, size)
    floor = middle[1] + 0.5 * size
    facing, at = float(rng.choice([-1, 1])), middle[0]
    spots: list[float] = []
    body: list[Key] = []
    turn: list[Key] = []
    for t, following in zip(times, np.append(times[1:], times[-1] + 0.5), strict=True):
        if goes_across and abs(at + facing * step - middle[0]) > wide / 2 - 0.2 * size:
            facing = -1.0 if at > middle[0] else 1.0
        at += facing * step
        spots.append(at)
        body.append((t, at - 0.5 * facing * step, 1.0))
        turn += [(t - 0.3, turn[-1][1] if turn else facing, SMOOTH), (t, facing, SMOOTH)]
        if following - t > 0.9:
            body += [(t + 0.3, at, -1.5), (following - 0.4, at, SMOOTH)]
    lift = size * rng.uniform(0.03, 0.12, len(times))
    feet = [_foot(stage, times[i::2], times[i + 1 :: 2], spots[i::2], lift[i::2]) for i in (0, 1)]
    body_x, face = keyed(stage, body), keyed(stage, turn)
    material = (THUD, WOOD, STONE, RUBBER)[rng.integers(4)]
    sounds = [voice(rng, material) for _ in range(2)]
    trousers, shirt, shoe = (random_colour(rng) for _ in range(3))
    far, skin, hair = beside(rng, trousers, 12), skin_colour(rng), random_colour(rng)
    thick, sole = float(rng.uniform(0.06, 0.11)) * size, float(rng.uniform(0.13, 0.18))
    drift = sway(rng, 0.01 * size)

    def paint(canvas: Canvas, time_s: float) -> None:
        x, look = body_x(time_s), face(time_s)
        shift = 0.0 if goes_across else middle[0] - x
        dx, dy = drift(time_s)
        ankles = [(foot_x(time_s) + shift, floor - up(time_s) - 0.05 * size)
                  for foot_x, up, _ in feet]  # fmt: skip
        spread = min(1.0, abs(ankles[0][0] - ankles[1][0]) / step)
        hip = x + shift + dx, floor - (0.52 - 0.03 * spread) * size + dy / 2
        shoulder = hip[0] + look * 0.02 * size, hip[1] - 0.28 * size
        swing = (ankles[0][0] - ankles[1][0]) * 0.5
        for i, colour in ((1, far), (0, trousers)):
            toe = feet[i][2](time_s) * look
            knee = _knee(hip, ankles[i], 0.25 * size, look)
            limb(canvas, hip, knee, thick, colour)
            limb(canvas, knee, ankles[i], 0.8 * thick, colour)
            outline = [(-0.04, -0.02), (0.04, -0.02), (sole, 0.03), (sole, 0.05), (-0.04, 0.05)]
            polygon(canvas, turned(np.array(outline) * (look, 1), toe, ankles[i], size), shoe)
            if not only_legs:
                hand = shoulder[0] + (swing if i else -swing), shoulder[1] + 0.26 * size
                limb(canvas, shoulder, hand, 0.6 * thick, shirt)
            if i and not only_legs:
                limb(canvas, hip, shoulder, 1.5 * thick, shirt)
                head = shoulder[0] + look * 0.01 * size, shoulder[1] - 0.11 * size
                oval(canvas, head, (0.05 * size, 0.065 * size), hair)
                oval(canvas, (head[0] + look * 0.015 * size, head[1]),
                     (0.04 * size, 0.055 * size), skin)  # fmt: skip

    speeds = np.minimum(1, (0.35 + lift / lift.max()) / 1.35) * rng.uniform(0.8, 1, len(times))
    hits = [Hit(t, v, sounds[i % 2], (s if goes_across else middle[0] + 0.5 * facing * step, floor))
            for i, (t, v, s) in enumerate(zip(times, speeds, spots, strict=True))]  # fmt: skip
    return Take(paint, hits, middle, wide)


Track = Callable[[float], float]


def _foot(
    stage: Stage, times: NDArray[np.float64], others: NDArray[np.float64], spots: list[float],
    lifts: NDArray[np.float64],
) -> tuple[Track, Track, Track]:  # fmt: skip
    """Return where a foot is, how high, and how far its toe is turned down, over time."""
    xs, ups, toes = [(-9.0, spots[0], SMOOTH)], [(-9.0, 0.0, SMOOTH)], [(-9.0, 0.0, SMOOTH)]
    before = times[0] - 0.6
    for t, spot, lift in zip(times, spots, lifts, strict=True):
        planted = others[(others > before) & (others < t)]
        off = max(float(planted[0]) + 0.04 if len(planted) else t - 0.4, t - 0.5)
        xs += [(off, xs[-1][1], SMOOTH), (t, spot, SMOOTH)]
        ups += [(off, 0.0, SMOOTH), (off + 0.6 * (t - off), float(lift), SMOOTH), (t, 0.0, 1.6)]
        toes += [(max(off - 0.08, before + 0.08), 0.0, SMOOTH), (off + 0.1 * (t - off), 0.5, 1.5),
                 (t, -0.3, SMOOTH), (t + 0.06, 0.0, 1.5)]  # fmt: skip
        before = t
    return keyed(stage, xs), keyed(stage, ups), keyed(stage, toes)


def _knee(hip: Point, ankle: Point, bone_px: float, look: float) -> Point:
    x, y = ankle[0] - hip[0], ankle[1] - hip[1]
    far = max(float(np.hypot(x, y)), 1e-6)
    out = float(np.sqrt(max(bone_px**2 - far**2 / 4, 0))) * look
    return hip[0] + x / 2 + out * y / far, hip[1] + y / 2 - out * x / far


def _ball_game(rng: np.random.Generator, stage: Stage) -> Take:
    wide = min(size_px(rng, stage, 0.4, 1.6), 0.85 * stage.width_px)
    size = wide * float(rng.uniform(0.16, 0.3))
    tall = min(3.2 * size, 0.9 * stage.height_px)
    middle = place(rng, stage, wide + size, tall)
    floor = middle[1] + tall / 2
    times = event_times(rng, stage, 0.85, 0.5)
    n = len(times)
    side = np.where(np.arange(n) % 2 == int(rng.integers(2)), -1.0, 1.0)
    spot_x = middle[0] + side * wide / 2 * rng.uniform(0.9, 1, n)
    spot_y = floor - size * rng.uniform(0.7, 1.7, n)
    swing_s = rng.uniform(0.08, 0.2, n)
    speeds = np.clip(0.09 / swing_s, 0.4, 1)
    hit_sound, floor_sound = voice(rng, (STRINGS, WOOD)[rng.integers(2)]), voice(rng, RUBBER, 0.8)
    bounces, xs, ys = rng.random() < 0.8, [], []
    hits = []
    for i in range(n):
        at = float(spot_x[i]), float(spot_y[i])
        hits.append(Hit(times[i], speeds[i], hit_sound, at))
        xs.append((times[i], at[0], 1.0))
        ys.append((times[i], at[1], -1.7))
        gap = times[i + 1] - times[i] if i + 1 < n else 0.6
        if bounces and rng.random() < 0.85:
            part = float(rng.uniform(0.5, 0.72))
            ys.append((times[i] + part * gap, floor, 1.7))
            goal = spot_x[i + 1] if i + 1 < n else at[0]
            x = at[0] + part * (goal - at[0])
            hits.append(Hit(times[i] + part * gap, 0.45 * speeds[i], floor_sound, (x, floor)))
        else:
            top = at[1] - min(0.6, gap) * size
            ys.append((times[i] + gap / 2, top, -2.0))
            if i + 1 < n:
                ys.append((times[i + 1] - 1e-4, float(spot_y[i + 1]), 2.0))
    ball_x, ball_y = keyed(stage, xs), keyed(stage, ys)
    players = [_swinger(rng, stage, times[side == s], swing_s[side == s], spot_x[side == s],
                        spot_y[side == s], s) for s in (-1.0, 1.0)]  # fmt: skip
    ball, shirt, frame = (random_colour(rng) for _ in range(3))
    strung, skin, legs = beside(rng, frame), skin_colour(rng), random_colour(rng)
    radius, head = float(rng.uniform(0.07, 0.14)) * size, float(rng.uniform(0.45, 0.8)) * size
    has_players, has_floor = rng.random() < 0.75, rng.random() < 0.5
    has_net, ground = rng.random() < 0.4, random_colour(rng)

    def paint(canvas: Canvas, time_s: float) -> None:
        if has_floor:
            box(canvas, middle[0] - 0.7 * wide, floor, middle[0] + 0.7 * wide, floor + 0.2 * size,
                ground)  # fmt: skip
        if has_net:
            box(canvas, middle[0] - 2, floor - 0.6 * size, middle[0] + 2, floor, strung)
        for angle, x_of, y_of, s in players:
            a, x, y = -s * angle(time_s), x_of(time_s), y_of(time_s)
            grip = x, y + head
            tip = x + head * float(np.sin(a)), y + head - head * float(np.cos(a))
            if has_players:
                hip = x + s * 0.75 * size, floor - 0.8 * size
                chest = (
                    hip[0] - s * 0.05 * size - s * 0.1 * size * angle(time_s),
                    hip[1] - 0.7 * size,
                )
                for foot in (-0.3, 0.25):
                    limb(canvas, hip, (hip[0] + foot * size, floor), 0.2 * size, legs)
                limb(canvas, hip, chest, 0.35 * size, shirt)
                oval(canvas, (chest[0], chest[1] - 0.4 * size), (0.17 * size, 0.21 * size), skin)
                limb(canvas, chest, grip, 0.13 * size, skin)
            limb(canvas, grip, tip, 0.06 * size, frame)
            edge = tip[0] + s * radius, tip[1]
            oval(canvas, edge, (0.09 * size, 0.36 * size), frame, a)
            oval(canvas, edge, (0.05 * size, 0.28 * size), strung, a)
        oval(canvas, (ball_x(time_s), ball_y(time_s) - radius), (radius, radius), ball)

    return Take(paint, hits, middle, wide + size)


def _swinger(
    rng: np.random.Generator, stage: Stage, times: NDArray[np.float64],
    swing_s: NDArray[np.float64], xs: NDArray[np.float64], ys: NDArray[np.float64], side: float,
) -> tuple[Track, Track, Track, float]:  # fmt: skip
    """Return the angle of a racket (0 at the hit, less before) and where its middle hits."""
    angle: list[Key] = [(-9.0, -0.2, SMOOTH)]
    ways: tuple[list[Key], list[Key]] = ([], [])
    for t, fall, *spot in zip(times, swing_s, xs, ys, strict=True):
        back = float(rng.uniform(0.7, 1.5))
        angle += [(t - fall - 0.3, -0.2, SMOOTH), (t - fall, -back, SMOOTH), (t, 0.0, 1.8),
                  (t + 0.12, 0.5 * back, -1.8), (t + 0.4, -0.2, SMOOTH)]  # fmt: skip
        for keys, value in zip(ways, spot, strict=True):
            keys += [(t - 0.08, float(value), SMOOTH), (t + 0.15, float(value), SMOOTH)]
    return keyed(stage, angle), keyed(stage, ways[0]), keyed(stage, ways[1]), side


TAKES = {"footsteps": _footsteps, "ball game": _ball_game}
SCENES = scenes_of(TAKES)
