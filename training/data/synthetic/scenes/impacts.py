"""Impacts of falling things: bouncing balls, dropped objects, dribbling."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.data.synthetic.chance import log_uniform
from training.data.synthetic.performance import Canvas, Stage
from training.data.synthetic.scenes import impact_kit as kit


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


def _bounce(rng: np.random.Generator, stage: Stage) -> kit.Take:
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
        material = (kit.RUBBER, kit.RUBBER, kit.THUD, kit.WOOD, kit.GLASS, kit.STONE)[
            rng.integers(6)
        ]
        sound, wall_sound = kit.voice(rng, material), kit.voice(rng, material, 1.3)
        for t, speed, x in path.floor_hits:
            hits.append(kit.Hit(t, speed, sound, (left + radius + x, floor)))
        for t, speed, x, y in path.wall_hits:
            at = left + (0 if x <= 0 else wide), floor - radius - y
            hits.append(kit.Hit(t, speed, wall_sound, at))
        colour = kit.random_colour(rng)
        soft = 0.25 if material in (kit.RUBBER, kit.THUD) else 0.05
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


def _dribble(rng: np.random.Generator, stage: Stage) -> kit.Take:
    """Dribble a ball by hand; sometimes only the arm of the player is visible."""
    size = kit.size_px(rng, stage, 0.12, 0.6) * 1.3
    times = kit.event_times(rng, stage, 0.6, 0.32)
    radius, palm_y = float(rng.uniform(0.06, 0.1)) * size, float(rng.uniform(0.42, 0.55)) * size
    middle = kit.place(rng, stage, 0.8 * size, 1.1 * size)
    floor, side = middle[1] + 0.5 * size, float(rng.choice([-1, 1]))
    height, palm, loudness = _dribbled(rng, stage, times, float(rng.uniform(0.16, 0.3)))
    sound = kit.voice(rng, kit.RUBBER if rng.random() < 0.7 else kit.THUD)
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

    `way_s` is the longest time between floor and palm.
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


@dataclass(frozen=True, slots=True)
class _Thing:
    """A falling thing: a box with a stripe (0) or a core (1), or an oval (2).

    Attributes:
        size_px: Length of the longer side.
        flat: Shorter side, as a share of the longer side.
        shape: 0, 1 or 2, as above.
        colours: Colours of the thing, and of the stripe or core.
    """

    size_px: float
    flat: float
    shape: int
    colours: tuple[kit.Colour, kit.Colour]

    def reach_px(self, angle: float) -> float:
        """Extent below the centre if turned by an angle (rad)."""
        if self.shape == 2:
            return self.size_px / 2 * float(np.hypot(np.cos(angle) * self.flat, np.sin(angle)))
        return self.size_px / 2 * float(abs(np.cos(angle)) * self.flat + abs(np.sin(angle)))

    def draw(self, canvas: Canvas, at: kit.Point, angle: float) -> None:
        """Draw the thing around a point, turned by an angle (rad)."""
        size, flat, (colour, second) = self.size_px, self.flat, self.colours
        if self.shape == 2:
            kit.oval(canvas, at, (size / 2, flat * size / 2), colour, angle)
            kit.oval(canvas, at, (0.35 * size, 0.3 * flat * size), second, angle)
        else:
            corners = [(-0.5, -flat / 2), (0.5, -flat / 2), (0.5, flat / 2), (-0.5, flat / 2)]
            inner = np.array(corners) * ((0.7, 0.4) if self.shape else (0.2, 1))
            kit.polygon(canvas, kit.turned(corners, angle, at, size), colour)
            kit.polygon(canvas, kit.turned(inner, angle, at, size), second)


@dataclass(frozen=True, slots=True)
class _Fall:
    """Motion of a thing, lifted and dropped repeatedly.

    Attributes:
        height: Height above the floor, 0 to 1.
        turn: Rotation of the thing, in radians.
        hand: Height of the hand, beyond 1 while away.
        contacts: Time (s) and speed (0 to 1) of each hit of the floor.
    """

    height: kit.Track
    turn: kit.Track
    hand: kit.Track
    contacts: tuple[tuple[float, float], ...]


def _dropped_objects(rng: np.random.Generator, stage: Stage) -> kit.Take:
    size = kit.size_px(rng, stage, 0.04, 0.3)
    high = min(size * float(rng.uniform(1.5, 5)), 0.85 * stage.height_px - size)
    middle = kit.place(rng, stage, 3 * size, high + size)
    x, floor = middle[0], middle[1] + (high + size) / 2
    keep, fall_s = float(rng.uniform(0.25, 0.6)), float(rng.uniform(0.25, 0.5))
    material = (kit.WOOD, kit.METAL, kit.METAL, kit.GLASS, kit.THUD, kit.STONE)[rng.integers(6)]
    sound = kit.voice(rng, material)
    flat, shape = float(rng.uniform(0.08, 0.5)), int(rng.integers(3))
    fall = _fall(rng, stage, fall_s, keep)
    colour, hand = kit.random_colour(rng), kit.skin_colour(rng)
    second, ground = kit.other_colour(rng, colour), kit.random_colour(rng)
    has_hand, has_ground = rng.random() < 0.6, rng.random() < 0.6
    drift = kit.sway(rng, 0.05 * size)
    thing = _Thing(size, flat, shape, (colour, second))

    def paint(canvas: Canvas, time_s: float) -> None:
        if has_ground:
            kit.box(canvas, x - 2.5 * size, floor, x + 2.5 * size, floor + 0.25 * size, ground)
        angle, lifted = fall.turn(time_s), fall.height(time_s)
        dx, dy = drift(time_s)
        free = min(1.0, 5 * lifted)
        at = x + dx * free, floor - thing.reach_px(angle) - lifted * high
        thing.draw(canvas, at, angle)
        if has_hand:
            grip = x + dx, floor - fall.hand(time_s) * high - 0.5 * size + dy
            kit.oval(canvas, grip, (0.28 * size, 0.24 * size), hand)
            kit.limb(canvas, grip, (grip[0] + 0.4 * size, grip[1] - 1.2 * size), 0.24 * size, hand)

    hits = [kit.Hit(time_s, speed, sound, (x, floor)) for time_s, speed in fall.contacts]
    return kit.Take(paint, hits, middle, max(high + size, size))


def _fall(rng: np.random.Generator, stage: Stage, fall_s: float, keep: float) -> _Fall:
    """Lift, turn and drop a thing; it rebounds until it lies flat.

    A fall from the greatest height takes `fall_s`; a rebound keeps a share `keep` of the speed.
    """
    heights: list[kit.Key] = [(-9.0, 0.0, kit.SMOOTH)]
    turns: list[kit.Key] = [(-9.0, 0.0, kit.SMOOTH)]
    hands: list[kit.Key] = [(-9.0, 1.5, kit.SMOOTH)]
    contacts: list[tuple[float, float]] = []
    free_from = -9.0
    for first in kit.event_times(rng, stage, 2.4, 1.9):
        top = float(rng.uniform(0.5, 1.0))
        release = first - fall_s * top**0.5
        grasp = max(free_from + 0.15, release - float(rng.uniform(0.5, 1.1)))
        angle = turns[-1][1]
        tilt = angle + float(rng.uniform(-0.9, 0.9))
        held = grasp + 0.6 * (release - grasp)
        heights += [
            (grasp, 0.0, kit.SMOOTH),
            (held, top, kit.SMOOTH),
            (release, top, kit.SMOOTH),
            (first, 0.0, 2.0),
        ]
        hands += [
            (grasp - 0.1, 0.0, kit.SMOOTH),
            (held, top, kit.SMOOTH),
            (release, top, kit.SMOOTH),
            (release + 0.5, 1.5, kit.SMOOTH),
        ]
        turns += [(grasp, angle, kit.SMOOTH), (held, tilt, kit.SMOOTH), (release, tilt, kit.SMOOTH)]
        turns.append((first, tilt + float(rng.uniform(-1, 1)), 1.0))
        time_s, speed = first, top**0.5
        flat = np.pi * round(turns[-1][1] / np.pi)
        for _ in range(8):
            contacts.append((time_s, speed))
            speed *= keep * float(rng.uniform(0.8, 1.15))
            flight_s = 2 * fall_s * speed
            if flight_s < 0.045:
                break
            heights += [(time_s + flight_s / 2, speed**2, -2.0), (time_s + flight_s, 0.0, 2.0)]
            time_s += flight_s
            left = (turns[-1][1] - flat) * float(rng.uniform(-0.6, 0.7))
            turns.append((time_s, flat + left, 1.0))
        turns.append((time_s + 0.04, flat, -1.5))
        free_from = time_s + 0.1
    return _Fall(
        kit.keyed(stage, heights), kit.keyed(stage, turns), kit.keyed(stage, hands), tuple(contacts)
    )


TAKES = {"bounce": _bounce, "dropped objects": _dropped_objects, "dribble": _dribble}

SCENES = kit.scenes_of(TAKES)
