"""Impacts of falling things: bouncing balls, dropped objects, dribbling."""

from dataclasses import dataclass

import numpy as np

from training.data.synthetic.performance import Canvas, Stage
from training.data.synthetic.scenes import impact_kit as kit
from training.data.synthetic.scenes.balls import bounce, dribble
from training.data.synthetic.scenes.struck_sounds import (
    GLASS,
    METAL,
    STONE,
    THUD,
    WOOD,
    voice,
)


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
    material = (WOOD, METAL, METAL, GLASS, THUD, STONE)[rng.integers(6)]
    sound = voice(rng, material)
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

    Args:
        rng: Source of all randomness.
        stage: Canvas and duration.
        fall_s: Duration of the fall from the greatest height.
        keep: Speed after a rebound, as a share of the speed before.
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


TAKES = {"bounce": bounce, "dropped objects": _dropped_objects, "dribble": dribble}
SCENES = kit.scenes_of(TAKES)
