"""Balls, bouncing freely or dribbled by a hand."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.data.synthetic.chance import log_uniform
from training.data.synthetic.performance import Canvas, Stage
from training.data.synthetic.scenes import impact_kit as kit
from training.data.synthetic.scenes.struck_sounds import GLASS, RUBBER, STONE, THUD, WOOD, voice


@dataclass(frozen=True, slots=True)
class _Ball:
    """Look of a ball: 0 plain, 1 with a seam, 2 with sectors, 3 with a light spot."""

    radius_px: float
    colours: tuple[kit.Colour, kit.Colour]
    look: int

    def draw(self, canvas: Canvas, at: kit.Point, spin: float, squash: float) -> None:
        """Draw the ball turned by spin (rad), squashed by a share of the radius."""
        (x, y), radius, (plain, mark) = at, self.radius_px, self.colours
        kit.oval(canvas, at, (radius * (1 + squash), radius * (1 - squash)), plain)
        if self.look == 1:
            dx, dy = np.cos(spin) * radius * 0.95, np.sin(spin) * radius * 0.95
            kit.limb(canvas, (x - dx, y - dy), (x + dx, y + dy), max(1.0, radius * 0.12), mark)
            kit.limb(canvas, (x + dy, y - dx), (x - dy, y + dx), max(1.0, radius * 0.12), mark)
        elif self.look == 2:
            for turn in (0.0, 2.1, 4.2):
                arc = np.linspace(turn, turn + 1.05, 5)
                wedge = [(0.0, 0.0), *zip(np.cos(arc) * 0.97, np.sin(arc) * 0.97, strict=True)]
                kit.polygon(canvas, kit.turned(wedge, spin, at, radius), mark)
        elif self.look == 3:
            light = x - 0.3 * radius, y - 0.35 * radius
            kit.oval(canvas, light, (0.3 * radius, 0.25 * radius), mark)


class _Flight:
    """Path of a bouncing ball, with rests and new starts, optionally between walls.

    Attributes:
        x: Distance from the left wall over time (px).
        y: Height above the floor.
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
        ys: list[kit.Key] = [(t, 0.0, kit.SMOOTH)]
        xs: list[kit.Key] = [(t, x, kit.SMOOTH)]
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
                ys.append((t, 0.0, kit.SMOOTH))
                x = min(max(x + 0.1 * push * pause, 0.0), wide)
                xs.append((t, x, -1.5))
                v = fastest * float(rng.uniform(0.55, 1.0))
        self.x, self.y = kit.keyed(stage, xs), kit.keyed(stage, ys)


def bounce(rng: np.random.Generator, stage: Stage) -> kit.Take:
    """Bounce one to three balls, with or without walls."""
    n = int(rng.choice([1, 1, 2, 3]))
    wide = kit.size_px(rng, stage, 0.25, 1.0) * (1 + 0.6 * rng.random())
    wide = min(wide, 0.95 * stage.width_px)
    tall = min(kit.size_px(rng, stage, 0.25, 0.9), 0.9 * stage.height_px)
    middle = kit.place(rng, stage, wide, tall)
    left, floor = middle[0] - wide / 2, middle[1] + tall / 2
    walled, draws_floor = rng.random() < 0.4, rng.random() < 0.6
    floor_colour = kit.random_colour(rng)
    hits: list[kit.Hit] = []
    balls = []
    for _ in range(n):
        radius = tall * log_uniform(rng, 0.05, 0.22)
        path = _Flight(rng, stage, tall - 2 * radius, wide - 2 * radius, walled)
        material = (RUBBER, RUBBER, THUD, WOOD, GLASS, STONE)[rng.integers(6)]
        sound, wall_sound = voice(rng, material), voice(rng, material, 1.3)
        for t, speed, x in path.floor_hits:
            hits.append(kit.Hit(t, speed, sound, (left + radius + x, floor)))
        for t, speed, x, y in path.wall_hits:
            at = left + (0 if x <= 0 else wide), floor - radius - y
            hits.append(kit.Hit(t, speed, wall_sound, at))
        colour = kit.random_colour(rng)
        soft = 0.25 if material in (RUBBER, THUD) else 0.05
        contacts = np.array([t for t, _, _ in path.floor_hits])
        ball = _Ball(radius, (colour, kit.other_colour(rng, colour)), int(rng.integers(4)))
        balls.append((ball, path, soft, contacts, float(rng.uniform(-9, 9))))

    def paint(canvas: Canvas, time_s: float) -> None:
        if draws_floor:
            kit.box(canvas, left - 4, floor, left + wide + 4, floor + 0.06 * tall, floor_colour)
        if walled and draws_floor:
            for x in (left - 0.05 * tall, left + wide):
                kit.box(canvas, x, floor - tall, x + 0.05 * tall, floor, floor_colour)
        for ball, path, soft, contacts, spin in balls:
            near = float(np.abs(contacts - time_s).min())
            squash = soft * max(0.0, 1 - near / 0.035)
            x = left + ball.radius_px + path.x(time_s)
            y = floor - ball.radius_px * (1 - squash) - path.y(time_s)
            ball.draw(canvas, (x, y), spin * path.x(time_s) / wide * 3, squash)

    return kit.Take(paint, hits, middle, max(wide, tall))


def dribble(rng: np.random.Generator, stage: Stage) -> kit.Take:
    """Dribble a ball by hand; sometimes only the arm of the player is visible."""
    size = kit.size_px(rng, stage, 0.12, 0.6) * 1.3
    times = kit.event_times(rng, stage, 0.6, 0.32)
    radius, palm_y = float(rng.uniform(0.06, 0.1)) * size, float(rng.uniform(0.42, 0.55)) * size
    middle = kit.place(rng, stage, 0.8 * size, 1.1 * size)
    floor, side = middle[1] + 0.5 * size, float(rng.choice([-1, 1]))
    height, palm, loudness = _dribbled(rng, stage, times, float(rng.uniform(0.16, 0.3)))
    sound = voice(rng, RUBBER if rng.random() < 0.7 else THUD)
    colour, shirt, trousers = (kit.random_colour(rng) for _ in range(3))
    mark, skin = kit.other_colour(rng, colour), kit.skin_colour(rng)
    ball, has_body = _Ball(radius, (colour, mark), int(rng.integers(4))), rng.random() < 0.75
    walk, drift = kit.sway(rng, 0.08 * size), kit.sway(rng, 0.02 * size)
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
                kit.limb(canvas, hip, (x + foot * size, floor), 0.09 * size, trousers)
            kit.limb(canvas, hip, shoulder, 0.17 * size, shirt)
            head = shoulder[0] + side * 0.03 * size, shoulder[1] - 0.15 * size
            kit.oval(canvas, head, (0.07 * size, 0.09 * size), skin)
        elbow = (
            (shoulder[0] + hand_at[0]) / 2 - side * 0.08 * size,
            (shoulder[1] + hand_at[1]) / 2 + 0.06 * size,
        )
        kit.limb(canvas, shoulder, elbow, 0.07 * size, shirt)
        kit.limb(canvas, elbow, hand_at, 0.06 * size, skin)
        kit.oval(canvas, hand_at, (0.06 * size, 0.03 * size), skin)
        high = height(time_s)
        near = max(0.0, 1 - high * palm_y / radius * 2)
        ball_at = ball_x, floor - radius - high * palm_y
        ball.draw(canvas, ball_at, spin * time_s, 0.18 * near)

    at = middle[0] + side * 0.22 * size, floor
    hits = [kit.Hit(t, v, sound, at) for t, v in zip(times, loudness, strict=True)]
    return kit.Take(paint, hits, middle, size)


def _dribbled(
    rng: np.random.Generator, stage: Stage, times: NDArray[np.float64], way_s: float
) -> tuple[kit.Track, kit.Track, NDArray[np.float64]]:
    """Draw the heights of ball and palm, and the loudness of each hit of the floor.

    Args:
        rng: Source of all randomness.
        stage: Canvas and duration.
        times: Times of the hits (s).
        way_s: Longest time between floor and palm.
    """
    balls: list[kit.Key] = []
    palms: list[kit.Key] = []
    speeds = []
    for t, following in zip(times, np.append(times[1:], times[-1] + 0.6), strict=True):
        gap = following - t
        way, high = min(way_s, 0.42 * gap), float(rng.uniform(0.75, 1.0)) * min(1, 0.55 + gap)
        up, down = t + way, following - way
        balls += [(t, 0.0, 1.25), (up, 0.85 * high, -1.6)]
        palms += [(up, 0.85 * high, kit.SMOOTH)]
        top = up + 0.5 * (down - up)
        for keys in (balls, palms):
            keys += [(top, high, -2.0), (down, 0.8 * high, kit.SMOOTH)]
        palms.append((min(down + 0.07, following), 0.66 * high, -1.6))
        speeds.append(high / way)
    loudness = np.append(1.0, np.array(speeds[:-1]) / max(speeds))
    return kit.keyed(stage, balls), kit.keyed(stage, palms), loudness
