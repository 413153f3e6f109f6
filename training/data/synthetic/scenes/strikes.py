"""Walking figures, and players of a ball game with rackets."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.data.synthetic.performance import Canvas, Stage
from training.data.synthetic.scenes import impact_kit as kit


@dataclass(frozen=True, slots=True)
class _Walker:
    """Look of a person from the side; lengths in pixels, `sole` as a share of the size."""

    size_px: float
    thick_px: float
    sole: float
    trousers: kit.Colour
    far_trousers: kit.Colour
    shirt: kit.Colour
    shoe: kit.Colour
    skin: kit.Colour
    hair: kit.Colour

    def draw_leg(
        self,
        canvas: Canvas,
        hip: kit.Point,
        ankle: kit.Point,
        toe: float,
        look: float,
        is_near: bool,
    ) -> None:
        """Draw a leg and its shoe, with the toe turned down by an angle (rad)."""
        size, sole = self.size_px, self.sole
        colour = self.trousers if is_near else self.far_trousers
        knee = _knee(hip, ankle, 0.25 * size, look)
        kit.limb(canvas, hip, knee, self.thick_px, colour)
        kit.limb(canvas, knee, ankle, 0.8 * self.thick_px, colour)
        outline = [(-0.04, -0.02), (0.04, -0.02), (sole, 0.03), (sole, 0.05), (-0.04, 0.05)]
        kit.polygon(canvas, kit.turned(np.array(outline) * (look, 1), toe, ankle, size), self.shoe)

    def draw_arm(self, canvas: Canvas, shoulder: kit.Point, swing: float) -> None:
        """Draw an arm with the hand before or behind the shoulder (px)."""
        hand = shoulder[0] + swing, shoulder[1] + 0.26 * self.size_px
        kit.limb(canvas, shoulder, hand, 0.6 * self.thick_px, self.shirt)

    def draw_trunk(self, canvas: Canvas, hip: kit.Point, shoulder: kit.Point, look: float) -> None:
        """Draw the body, and a head looking left (-1) or right (1)."""
        size = self.size_px
        kit.limb(canvas, hip, shoulder, 1.5 * self.thick_px, self.shirt)
        head = shoulder[0] + look * 0.01 * size, shoulder[1] - 0.11 * size
        kit.oval(canvas, head, (0.05 * size, 0.065 * size), self.hair)
        face = head[0] + look * 0.015 * size, head[1]
        kit.oval(canvas, face, (0.04 * size, 0.055 * size), self.skin)


def _walk(rng: np.random.Generator, stage: Stage) -> kit.Take:
    """A person walks on the spot or to and fro; sometimes only the legs are visible."""
    size = kit.size_px(rng, stage, 0.1, 0.75)
    times = kit.event_times(rng, stage, 0.52, 0.26)
    goes_across, only_legs = rng.random() < 0.5, rng.random() < 0.4
    step = float(rng.uniform(0.25, 0.42)) * size
    wide = max(size, float(rng.uniform(0.5, 0.95)) * stage.width_px) if goes_across else size
    middle = kit.place(rng, stage, wide, size)
    floor = middle[1] + 0.5 * size
    facing = float(rng.choice([-1, 1]))
    room = wide / 2 - 0.2 * size if goes_across else np.inf
    spots, body_x, face = _steps(stage, times, middle[0], facing, step, room)
    lift = size * rng.uniform(0.03, 0.12, len(times))
    feet = [_foot(stage, times[i::2], times[i + 1 :: 2], spots[i::2], lift[i::2]) for i in (0, 1)]
    material = (kit.THUD, kit.WOOD, kit.STONE, kit.RUBBER)[rng.integers(4)]
    sounds = [kit.voice(rng, material) for _ in range(2)]
    trousers, shirt, shoe = (kit.random_colour(rng) for _ in range(3))
    far, skin, hair = (
        kit.other_colour(rng, trousers, 12),
        kit.skin_colour(rng),
        kit.random_colour(rng),
    )
    thick, sole = float(rng.uniform(0.06, 0.11)) * size, float(rng.uniform(0.13, 0.18))
    walker = _Walker(size, thick, sole, trousers, far, shirt, shoe, skin, hair)
    drift = kit.sway(rng, 0.01 * size)

    def paint(canvas: Canvas, time_s: float) -> None:
        x, look = body_x(time_s), face(time_s)
        shift = 0.0 if goes_across else middle[0] - x
        dx, dy = drift(time_s)
        ankles = [
            (foot_x(time_s) + shift, floor - up(time_s) - 0.05 * size) for foot_x, up, _ in feet
        ]
        spread = min(1.0, abs(ankles[0][0] - ankles[1][0]) / step)
        hip = x + shift + dx, floor - (0.52 - 0.03 * spread) * size + dy / 2
        shoulder = hip[0] + look * 0.02 * size, hip[1] - 0.28 * size
        swing = (ankles[0][0] - ankles[1][0]) * 0.5
        for i in (1, 0):
            toe = feet[i][2](time_s) * look
            walker.draw_leg(canvas, hip, ankles[i], toe, look, is_near=i == 0)
            if not only_legs:
                walker.draw_arm(canvas, shoulder, swing if i else -swing)
            if i and not only_legs:
                walker.draw_trunk(canvas, hip, shoulder, look)

    speeds = np.minimum(1, (0.35 + lift / lift.max()) / 1.35) * rng.uniform(0.8, 1, len(times))
    heard_at = spots if goes_across else [middle[0] + 0.5 * facing * step] * len(times)
    hits = [
        kit.Hit(t, v, sounds[i % 2], (x, floor))
        for i, (t, v, x) in enumerate(zip(times, speeds, heard_at, strict=True))
    ]
    return kit.Take(paint, hits, middle, wide)


def _steps(
    stage: Stage,
    times: NDArray[np.float64],
    middle_x: float,
    facing: float,
    step: float,
    room: float,
) -> tuple[list[float], kit.Track, kit.Track]:
    """Walk from the middle, turning around at a distance `room` (px) of the feet from the middle.

    Returns:
        Positions of the footfalls, position of the body, and its direction (px, px, -1 to 1).
    """
    at = middle_x
    spots: list[float] = []
    body: list[kit.Key] = []
    turn: list[kit.Key] = []
    for t, following in zip(times, np.append(times[1:], times[-1] + 0.5), strict=True):
        if abs(at + facing * step - middle_x) > room:
            facing = -1.0 if at > middle_x else 1.0
        at += facing * step
        spots.append(at)
        body.append((t, at - 0.5 * facing * step, 1.0))
        turn += [(t - 0.3, turn[-1][1] if turn else facing, kit.SMOOTH), (t, facing, kit.SMOOTH)]
        if following - t > 0.9:
            body += [(t + 0.3, at, -1.5), (following - 0.4, at, kit.SMOOTH)]
    return spots, kit.keyed(stage, body), kit.keyed(stage, turn)


def _foot(
    stage: Stage,
    times: NDArray[np.float64],
    others: NDArray[np.float64],
    spots: list[float],
    lifts: NDArray[np.float64],
) -> tuple[kit.Track, kit.Track, kit.Track]:
    """Position, height and toe angle of a foot over time."""
    xs, ups, toes = (
        [(-9.0, spots[0], kit.SMOOTH)],
        [(-9.0, 0.0, kit.SMOOTH)],
        [(-9.0, 0.0, kit.SMOOTH)],
    )
    before = times[0] - 0.6
    for t, spot, lift in zip(times, spots, lifts, strict=True):
        planted = others[(others > before) & (others < t)]
        off = max(float(planted[0]) + 0.04 if len(planted) else t - 0.4, t - 0.5)
        xs += [(off, xs[-1][1], kit.SMOOTH), (t, spot, kit.SMOOTH)]
        ups += [
            (off, 0.0, kit.SMOOTH),
            (off + 0.6 * (t - off), float(lift), kit.SMOOTH),
            (t, 0.0, 1.6),
        ]
        toes += [
            (max(off - 0.08, before + 0.08), 0.0, kit.SMOOTH),
            (off + 0.1 * (t - off), 0.5, 1.5),
            (t, -0.3, kit.SMOOTH),
            (t + 0.06, 0.0, 1.5),
        ]
        before = t
    return kit.keyed(stage, xs), kit.keyed(stage, ups), kit.keyed(stage, toes)


def _knee(hip: kit.Point, ankle: kit.Point, bone_px: float, look: float) -> kit.Point:
    x, y = ankle[0] - hip[0], ankle[1] - hip[1]
    far = max(float(np.hypot(x, y)), 1e-6)
    out = float(np.sqrt(max(bone_px**2 - far**2 / 4, 0))) * look
    return hip[0] + x / 2 + out * y / far, hip[1] + y / 2 - out * x / far


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
    hit_sound, floor_sound = (
        kit.voice(rng, (kit.STRINGS, kit.WOOD)[rng.integers(2)]),
        kit.voice(rng, kit.RUBBER, 0.8),
    )
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
    """Path of a ball between the spots of the hits (px), in arcs or mostly bouncing off the floor.

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


TAKES = {"footsteps": _walk, "ball game": _ball_game}

SCENES = kit.scenes_of(TAKES)
