"""Walking figures, and players of a ball game with rackets."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from training.data.synthetic.performance import Canvas, Stage
from training.data.synthetic.scenes import impact_kit as kit
from training.data.synthetic.scenes.struck_sounds import RUBBER, STRINGS, WOOD, voice
from training.data.synthetic.scenes.walkers import walk


def _ball_game(rng: np.random.Generator, stage: Stage) -> kit.Take:
    wide = min(kit.size_px(rng, stage, 0.4, 1.6), 0.85 * stage.width_px)
    size = wide * float(rng.uniform(0.16, 0.3))
    tall = min(3.2 * size, 0.9 * stage.height_px)
    middle = kit.place(rng, stage, wide + size, tall)
    floor = middle[1] + tall / 2
    times = kit.event_times(rng, stage, 0.85, 0.5)
    n = len(times)
    side = np.where(np.arange(n) % 2 == int(rng.integers(2)), -1.0, 1.0)
    spot_x = middle[0] + side * wide / 2 * rng.uniform(0.9, 1, n)
    spot_y = floor - size * rng.uniform(0.7, 1.7, n)
    swing_s = rng.uniform(0.08, 0.2, n)
    speeds = np.clip(0.09 / swing_s, 0.4, 1)
    hit_sound, floor_sound = voice(rng, (STRINGS, WOOD)[rng.integers(2)]), voice(rng, RUBBER, 0.8)
    bounces = rng.random() < 0.8
    spots = [(float(x), float(y)) for x, y in zip(spot_x, spot_y, strict=True)]
    ball_x, ball_y, landings = _exchange(rng, stage, times, spots, floor, size, bounces)
    hits = [kit.Hit(t, v, hit_sound, at) for t, v, at in zip(times, speeds, spots, strict=True)]
    hits += [kit.Hit(t, 0.45 * speeds[i], floor_sound, (x, floor)) for i, t, x in landings]
    hits.sort(key=lambda hit: hit.time_s)
    players = [
        _swinger(
            rng,
            stage,
            times[side == s],
            swing_s[side == s],
            spot_x[side == s],
            spot_y[side == s],
            s,
        )
        for s in (-1.0, 1.0)
    ]
    ball, shirt, frame = (kit.random_colour(rng) for _ in range(3))
    strung, skin, legs = (
        kit.other_colour(rng, frame),
        kit.skin_colour(rng),
        kit.random_colour(rng),
    )
    radius, head = float(rng.uniform(0.07, 0.14)) * size, float(rng.uniform(0.45, 0.8)) * size
    has_players, has_floor = rng.random() < 0.75, rng.random() < 0.5
    has_net, ground = rng.random() < 0.4, kit.random_colour(rng)

    def paint(canvas: Canvas, time_s: float) -> None:
        if has_floor:
            left, right = middle[0] - 0.7 * wide, middle[0] + 0.7 * wide
            kit.box(canvas, left, floor, right, floor + 0.2 * size, ground)
        if has_net:
            kit.box(canvas, middle[0] - 2, floor - 0.6 * size, middle[0] + 2, floor, strung)
        for angle, x_of, y_of, side in players:
            turn, x, y = angle(time_s), x_of(time_s), y_of(time_s)
            grip = x, y + head
            if has_players:
                _draw_player(canvas, grip, floor, size, side, turn, (shirt, legs, skin))
            lean = -side * turn
            tip = x + head * float(np.sin(lean)), y + head - head * float(np.cos(lean))
            kit.limb(canvas, grip, tip, 0.06 * size, frame)
            edge = tip[0] + side * radius, tip[1]
            kit.oval(canvas, edge, (0.09 * size, 0.36 * size), frame, lean)
            kit.oval(canvas, edge, (0.05 * size, 0.28 * size), strung, lean)
        kit.oval(canvas, (ball_x(time_s), ball_y(time_s) - radius), (radius, radius), ball)

    return kit.Take(paint, hits, middle, wide + size)


def _exchange(
    rng: np.random.Generator,
    stage: Stage,
    times: NDArray[np.float64],
    spots: Sequence[kit.Point],
    floor: float,
    size: float,
    bounces: bool,
) -> tuple[kit.Track, kit.Track, list[tuple[int, float, float]]]:
    """Path of a ball between the points of the hits, bouncing off the floor or in arcs.

    Args:
        rng: Source of all randomness.
        stage: Canvas and duration.
        times: Times of the hits (s).
        spots: Positions of the ball at the hits (px).
        floor: y of the floor (px).
        size: Height of a player (px).
        bounces: True if most flights touch the floor.

    Returns:
        Position of the ball (x, y), and each touch of the floor: index of the preceding hit, time
        (s), x.
    """
    xs: list[kit.Key] = []
    ys: list[kit.Key] = []
    landings: list[tuple[int, float, float]] = []
    for i, (t, at) in enumerate(zip(times, spots, strict=True)):
        is_last = i + 1 == len(times)
        xs.append((t, at[0], 1.0))
        ys.append((t, at[1], -1.7))
        gap = 0.6 if is_last else times[i + 1] - t
        if bounces and rng.random() < 0.85:
            part = float(rng.uniform(0.5, 0.72))
            ys.append((t + part * gap, floor, 1.7))
            goal = at[0] if is_last else spots[i + 1][0]
            landings.append((i, t + part * gap, at[0] + part * (goal - at[0])))
        else:
            ys.append((t + gap / 2, at[1] - min(0.6, gap) * size, -2.0))
            if not is_last:
                ys.append((times[i + 1] - 1e-4, spots[i + 1][1], 2.0))
    return kit.keyed(stage, xs), kit.keyed(stage, ys), landings


def _draw_player(
    canvas: Canvas,
    grip: kit.Point,
    floor: float,
    size: float,
    side: float,
    turn: float,
    colours: tuple[kit.Colour, kit.Colour, kit.Colour],
) -> None:
    """Draw a player on the left (-1) or right (1), leaning with the angle of the racket (rad)."""
    shirt, legs, skin = colours
    hip = grip[0] + side * 0.75 * size, floor - 0.8 * size
    chest = hip[0] - side * 0.05 * size - side * 0.1 * size * turn, hip[1] - 0.7 * size
    for foot in (-0.3, 0.25):
        kit.limb(canvas, hip, (hip[0] + foot * size, floor), 0.2 * size, legs)
    kit.limb(canvas, hip, chest, 0.35 * size, shirt)
    kit.oval(canvas, (chest[0], chest[1] - 0.4 * size), (0.17 * size, 0.21 * size), skin)
    kit.limb(canvas, chest, grip, 0.13 * size, skin)


def _swinger(
    rng: np.random.Generator,
    stage: Stage,
    times: NDArray[np.float64],
    swing_s: NDArray[np.float64],
    xs: NDArray[np.float64],
    ys: NDArray[np.float64],
    side: float,
) -> tuple[kit.Track, kit.Track, kit.Track, float]:
    """Angle of a racket (0 at the hit, negative before), and the position of its middle."""
    angle: list[kit.Key] = [(-9.0, -0.2, kit.SMOOTH)]
    ways: tuple[list[kit.Key], list[kit.Key]] = ([], [])
    for t, fall, *spot in zip(times, swing_s, xs, ys, strict=True):
        back = float(rng.uniform(0.7, 1.5))
        angle += [
            (t - fall - 0.3, -0.2, kit.SMOOTH),
            (t - fall, -back, kit.SMOOTH),
            (t, 0.0, 1.8),
            (t + 0.12, 0.5 * back, -1.8),
            (t + 0.4, -0.2, kit.SMOOTH),
        ]
        for keys, value in zip(ways, spot, strict=True):
            keys += [(t - 0.08, float(value), kit.SMOOTH), (t + 0.15, float(value), kit.SMOOTH)]
    return kit.keyed(stage, angle), kit.keyed(stage, ways[0]), kit.keyed(stage, ways[1]), side


TAKES = {"footsteps": walk, "ball game": _ball_game}
SCENES = kit.scenes_of(TAKES)
