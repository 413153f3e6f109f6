"""Things that fly or fall freely and strike: bounces, dropped objects, dribbling, collisions."""

import numpy as np

from training.data.synthetic.performance import Canvas, Stage
from training.data.synthetic.scenes.blows import (
    SMOOTH,
    Colour,
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
    GLASS,
    METAL,
    RUBBER,
    STONE,
    THUD,
    WOOD,
    voice,
)


def _ball(
    canvas: Canvas, at: Point, radius: float, colours: tuple[Colour, Colour], look: int,
    spin: float = 0.0, squash: float = 0.0,
) -> None:  # fmt: skip
    """Draw a ball: 0 plain, 1 with a seam, 2 with sectors, 3 with a light spot."""
    oval(canvas, at, (radius * (1 + squash), radius * (1 - squash)), colours[0])
    x, y = at
    if look == 1:
        c, s = np.cos(spin) * radius * 0.95, np.sin(spin) * radius * 0.95
        limb(canvas, (x - c, y - s), (x + c, y + s), max(1.0, radius * 0.12), colours[1])
        limb(canvas, (x + s, y - c), (x - s, y + c), max(1.0, radius * 0.12), colours[1])
    elif look == 2:
        for turn in (0.0, 2.1, 4.2):
            arc = np.linspace(turn, turn + 1.05, 5)
            wedge = [(0.0, 0.0), *zip(np.cos(arc) * 0.97, np.sin(arc) * 0.97, strict=True)]
            polygon(canvas, turned(wedge, spin, at, radius), colours[1])
    elif look == 3:
        oval(canvas, (x - 0.3 * radius, y - 0.35 * radius), (0.3 * radius, 0.25 * radius),
             colours[1])  # fmt: skip


def _bounce(rng: np.random.Generator, stage: Stage) -> Take:
    n = int(rng.choice([1, 1, 2, 3]))
    wide = size_px(rng, stage, 0.25, 1.0) * (1 + 0.6 * rng.random())
    wide = min(wide, 0.95 * stage.width_px)
    tall = min(size_px(rng, stage, 0.25, 0.9), 0.9 * stage.height_px)
    middle = place(rng, stage, wide, tall)
    left, floor = middle[0] - wide / 2, middle[1] + tall / 2
    walled, draws_floor = rng.random() < 0.4, rng.random() < 0.6
    floor_colour = random_colour(rng)
    hits: list[Hit] = []
    balls = []
    for _ in range(n):
        radius = tall * float(np.exp(rng.uniform(np.log(0.05), np.log(0.22))))
        path = _Flight(rng, stage, tall - 2 * radius, wide - 2 * radius, walled)
        material = (RUBBER, RUBBER, THUD, WOOD, GLASS, STONE)[rng.integers(6)]
        sound, wall_sound = voice(rng, material), voice(rng, material, 1.3)
        for t, speed, x in path.floor_hits:
            hits.append(Hit(t, speed, sound, (left + radius + x, floor)))
        for t, speed, x, y in path.wall_hits:
            at = left + (0 if x <= 0 else wide), floor - radius - y
            hits.append(Hit(t, speed, wall_sound, at))
        colour = random_colour(rng)
        soft = 0.25 if material in (RUBBER, THUD) else 0.05
        contacts = np.array([t for t, _, _ in path.floor_hits])
        balls.append((path, radius, (colour, beside(rng, colour)), int(rng.integers(4)), soft,
                      contacts, float(rng.uniform(-9, 9))))  # fmt: skip

    def paint(canvas: Canvas, time_s: float) -> None:
        if draws_floor:
            box(canvas, left - 4, floor, left + wide + 4, floor + 0.06 * tall, floor_colour)
        if walled and draws_floor:
            for x in (left - 0.05 * tall, left + wide):
                box(canvas, x, floor - tall, x + 0.05 * tall, floor, floor_colour)
        for path, radius, colours, look, soft, contacts, spin in balls:
            near = float(np.abs(contacts - time_s).min())
            squash = soft * max(0.0, 1 - near / 0.035)
            at = left + radius + path.x(time_s), floor - radius * (1 - squash) - path.y(time_s)
            _ball(canvas, at, radius, colours, look, spin * path.x(time_s) / wide * 3, squash)

    return Take(paint, hits, middle, max(wide, tall))


class _Flight:
    """A ball that bounces lower and lower, rests, and springs up again; between walls if wanted.

    Attributes:
        x: Way from the left wall over time (px).
        y: Height over the floor.
        floor_hits: Time, loudness, x of each bounce.
        wall_hits: Time, loudness, x, y of each hit of a wall.
    """

    def __init__(
        self, rng: np.random.Generator, stage: Stage, high: float, wide: float, walled: bool
    ) -> None:
        gravity = high * float(rng.uniform(3, 14))
        fastest = float(np.sqrt(2 * gravity * high))
        keep = float(rng.uniform(0.6, 0.93))
        push = wide * float(rng.uniform(0.2, 0.9)) * rng.choice([-1, 1])
        t, v, x = -1.4 + float(rng.uniform(0, 0.5)), fastest * 0.8, float(rng.uniform(0, wide))
        ys: list[Key] = [(t, 0.0, SMOOTH)]
        xs: list[Key] = [(t, x, SMOOTH)]
        self.floor_hits: list[tuple[float, float, float]] = []
        self.wall_hits: list[tuple[float, float, float, float]] = []
        while t < stage.duration_s + 1:
            long = 2 * v / gravity
            peak = v * v / (2 * gravity)
            ys += [(t + long / 2, peak, -2.0), (t + long, 0.0, 2.0)]
            end = t + long
            while True:
                goal = wide if push > 0 else 0.0
                reaches = t + (goal - x) / push
                if reaches >= end:
                    break
                if walled:
                    flown = reaches - end + long
                    height = v * flown - gravity * flown * flown / 2
                    self.wall_hits.append((reaches, 0.3 + 0.4 * v / fastest, goal, height))
                x, t = goal, reaches
                xs.append((t, x, 1.0))
                push = -push
            x += push * (end - t)
            xs.append((end, x, 1.0))
            t = end
            self.floor_hits.append((t, min(1.0, (v / fastest) ** 1.2), x))
            v *= keep * float(rng.uniform(0.9, 1.05))
            if v < 0.28 * fastest or rng.random() < 0.06:
                pause = float(rng.uniform(0.25, 1.5))
                t += pause
                ys.append((t, 0.0, SMOOTH))
                x = min(max(x + 0.1 * push * pause, 0.0), wide)
                xs.append((t, x, -1.5))
                v = fastest * float(rng.uniform(0.55, 1.0))
        self.x, self.y = keyed(stage, xs), keyed(stage, ys)


def _dropped_objects(rng: np.random.Generator, stage: Stage) -> Take:
    size = size_px(rng, stage, 0.04, 0.3)
    high = min(size * float(rng.uniform(1.5, 5)), 0.85 * stage.height_px - size)
    middle = place(rng, stage, 3 * size, high + size)
    floor = middle[1] + (high + size) / 2
    keep, fall_s = float(rng.uniform(0.25, 0.6)), float(rng.uniform(0.25, 0.5))
    material = (WOOD, METAL, METAL, GLASS, THUD, STONE)[rng.integers(6)]
    sound = voice(rng, material)
    flat, shape = float(rng.uniform(0.08, 0.5)), int(rng.integers(3))
    ys, turns, hands = [(-9.0, 0.0, SMOOTH)], [(-9.0, 0.0, SMOOTH)], [(-9.0, 1.5, SMOOTH)]
    hits: list[Hit] = []
    last = -9.0
    x0 = middle[0]
    for first in event_times(rng, stage, 2.4, 1.9):
        top = float(rng.uniform(0.5, 1.0))
        fall = fall_s * top**0.5
        release = first - fall
        grasp = max(last + 0.15, release - float(rng.uniform(0.5, 1.1)))
        angle = turns[-1][1]
        tilt = angle + float(rng.uniform(-0.9, 0.9))
        held = grasp + 0.6 * (release - grasp)
        ys += [(grasp, 0.0, SMOOTH), (held, top, SMOOTH), (release, top, SMOOTH), (first, 0.0, 2.0)]
        hands += [(grasp - 0.1, 0.0, SMOOTH), (held, top, SMOOTH), (release, top, SMOOTH),
                  (release + 0.5, 1.5, SMOOTH)]  # fmt: skip
        turns += [(grasp, angle, SMOOTH), (held, tilt, SMOOTH), (release, tilt, SMOOTH)]
        turns.append((first, tilt + float(rng.uniform(-1, 1)), 1.0))
        t, speed, long = first, top**0.5, 2 * fall
        at = x0, floor
        rest = np.pi * round(turns[-1][1] / np.pi)
        for _ in range(8):
            hits.append(Hit(t, speed, sound, at))
            speed *= keep * float(rng.uniform(0.8, 1.15))
            long = 2 * fall_s * speed
            if long < 0.045:
                break
            ys += [(t + long / 2, speed**2, -2.0), (t + long, 0.0, 2.0)]
            t += long
            turns.append((t, rest + (turns[-1][1] - rest) * float(rng.uniform(-0.6, 0.7)), 1.0))
        turns.append((t + 0.04, rest, -1.5))
        last = t + 0.1
    height, turn, hand_at = keyed(stage, ys), keyed(stage, turns), keyed(stage, hands)
    colour, hand = random_colour(rng), skin_colour(rng)
    second, ground = beside(rng, colour), random_colour(rng)
    has_hand, has_ground = rng.random() < 0.6, rng.random() < 0.6
    drift = sway(rng, 0.05 * size)
    half = np.array([(-0.5, -flat / 2), (0.5, -flat / 2), (0.5, flat / 2), (-0.5, flat / 2)])

    def paint(canvas: Canvas, time_s: float) -> None:
        if has_ground:
            box(canvas, x0 - 2.5 * size, floor, x0 + 2.5 * size, floor + 0.25 * size, ground)
        a, h = turn(time_s), height(time_s)
        if shape == 2:
            low = size / 2 * float(np.hypot(np.cos(a) * flat, np.sin(a)))
        else:
            low = size / 2 * float(abs(np.cos(a)) * flat + abs(np.sin(a)))
        dx, dy = drift(time_s)
        free = min(1.0, 5 * h)
        at = x0 + dx * free, floor - low - h * high
        if shape == 2:
            oval(canvas, at, (size / 2, flat * size / 2), colour, a)
            oval(canvas, at, (0.35 * size, 0.3 * flat * size), second, a)
        else:
            polygon(canvas, turned(half, a, at, size), colour)
            inner = half * ((0.7, 0.4) if shape else (0.2, 1))
            polygon(canvas, turned(inner, a, at, size), second)
        if has_hand:
            grip = x0 + dx, floor - hand_at(time_s) * high - 0.5 * size + dy
            oval(canvas, grip, (0.28 * size, 0.24 * size), hand)
            limb(canvas, grip, (grip[0] + 0.4 * size, grip[1] - 1.2 * size), 0.24 * size, hand)

    return Take(paint, hits, middle, max(high + size, size))


def _dribble(rng: np.random.Generator, stage: Stage) -> Take:
    size = size_px(rng, stage, 0.12, 0.6) * 1.3
    times = event_times(rng, stage, 0.6, 0.32)
    radius, palm_y = float(rng.uniform(0.06, 0.1)) * size, float(rng.uniform(0.42, 0.55)) * size
    middle = place(rng, stage, 0.8 * size, 1.1 * size)
    floor, side = middle[1] + 0.5 * size, float(rng.choice([-1, 1]))
    way_s = float(rng.uniform(0.16, 0.3))
    balls: list[Key] = []
    palms: list[Key] = []
    speeds = []
    for t, following in zip(times, np.append(times[1:], times[-1] + 0.6), strict=True):
        gap = following - t
        way, high = min(way_s, 0.42 * gap), float(rng.uniform(0.75, 1.0)) * min(1, 0.55 + gap)
        up, down = t + way, following - way
        balls += [(t, 0.0, 1.25), (up, 0.85 * high, -1.6)]
        palms += [(up, 0.85 * high, SMOOTH)]
        top = up + 0.5 * (down - up)
        for keys in (balls, palms):
            keys += [(top, high, -2.0), (down, 0.8 * high, SMOOTH)]
        palms.append((min(down + 0.07, following), 0.66 * high, -1.6))
        speeds.append(high / way)
    loudness = np.append(1.0, np.array(speeds[:-1]) / max(speeds))
    height, palm = keyed(stage, balls), keyed(stage, palms)
    sound = voice(rng, RUBBER if rng.random() < 0.7 else THUD)
    colour, shirt, trousers = (random_colour(rng) for _ in range(3))
    colours, skin = (colour, beside(rng, colour)), skin_colour(rng)
    look, has_body = int(rng.integers(4)), rng.random() < 0.75
    walk, drift = sway(rng, 0.08 * size), sway(rng, 0.02 * size)
    spin = float(rng.uniform(-4, 4))

    def paint(canvas: Canvas, time_s: float) -> None:
        x = middle[0] + walk(time_s)[0]
        dx, dy = drift(time_s)
        ball_x = x + side * 0.22 * size
        hand_at = ball_x - side * 0.02 * size, floor - 2 * radius - palm(time_s) * palm_y
        bend = 0.25 * (1 - palm(time_s))
        shoulder = x - side * 0.02 * size + dx, floor - (0.78 - 0.2 * bend) * size + dy
        if has_body:
            hip = x - side * 0.06 * size + dx / 2, floor - 0.45 * size
            for foot in (-0.13, 0.1):
                limb(canvas, hip, (x + foot * size, floor), 0.09 * size, trousers)
            limb(canvas, hip, shoulder, 0.17 * size, shirt)
            head = shoulder[0] + side * 0.03 * size, shoulder[1] - 0.15 * size
            oval(canvas, head, (0.07 * size, 0.09 * size), skin)
        elbow = (shoulder[0] + hand_at[0]) / 2 - side * 0.08 * size, (
            shoulder[1] + hand_at[1]) / 2 + 0.06 * size  # fmt: skip
        limb(canvas, shoulder, elbow, 0.07 * size, shirt)
        limb(canvas, elbow, hand_at, 0.06 * size, skin)
        oval(canvas, hand_at, (0.06 * size, 0.03 * size), skin)
        h = height(time_s)
        near = max(0.0, 1 - h * palm_y / radius * 2)
        _ball(canvas, (ball_x, floor - radius - h * palm_y), radius, colours, look,
              spin * time_s, 0.18 * near)  # fmt: skip

    at = middle[0] + side * 0.22 * size, floor
    hits = [Hit(t, v, sound, at) for t, v in zip(times, loudness, strict=True)]
    return Take(paint, hits, middle, size)


TAKES = {"bounce": _bounce, "dropped objects": _dropped_objects, "dribble": _dribble}
SCENES = scenes_of(TAKES)
