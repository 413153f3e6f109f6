"""Walking figures."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.data.synthetic.performance import Canvas, Stage
from training.data.synthetic.scenes import impact_kit as kit
from training.data.synthetic.scenes.struck_sounds import RUBBER, STONE, THUD, WOOD, voice


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


def walk(rng: np.random.Generator, stage: Stage) -> kit.Take:
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
    material = (THUD, WOOD, STONE, RUBBER)[rng.integers(4)]
    sounds = [voice(rng, material) for _ in range(2)]
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
    """Walk from the middle, turning around at the end of the room.

    Args:
        stage: Canvas and duration.
        times: Times of the footfalls (s).
        middle_x: Start position (px).
        facing: -1 to the left, 1 to the right.
        step: Length of a step (px).
        room: Largest distance of the feet from the middle (px).

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
