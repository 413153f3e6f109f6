"""Hand tools and small mechanisms: clapperboard, hammer, knife on a board, switches."""

from collections.abc import Sequence

import numpy as np

from training.data.synthetic.performance import Canvas, Stage
from training.data.synthetic.scenes import impact_kit as kit


def _clapperboard(rng: np.random.Generator, stage: Stage) -> kit.Take:
    size = kit.size_px(rng, stage, 0.07, 0.6)
    times = kit.event_times(rng, stage, 1.2, 0.35)
    opening, speeds = kit.strokes(rng, stage, times)
    sound = kit.voice(rng, kit.WOOD, 1.4)
    middle = kit.place(rng, stage, 1.3 * size, 1.5 * size)
    drift, tilt = kit.sway(rng, 0.05 * size), float(rng.uniform(-0.25, 0.25))
    widest, thick = float(rng.uniform(0.3, 0.9)), float(rng.uniform(0.09, 0.16))
    side = float(rng.choice([-1, 1]))
    board = kit.random_colour(rng)
    stripe, ink, hand = (
        kit.other_colour(rng, board, 40),
        kit.other_colour(rng, board),
        kit.skin_colour(rng),
    )
    lines = rng.uniform(0.1, 0.85, 4)
    slant = float(rng.uniform(-0.06, 0.06))

    def stick(canvas: Canvas, angle: float, at: kit.Point) -> None:
        outline = [(0, -thick), (side, -thick), (side, 0), (0, 0)]
        kit.polygon(canvas, kit.turned(outline, angle, at, size), board)
        for left in (0.04, 0.28, 0.52, 0.76):
            x, right = side * left, side * (left + 0.12)
            bar = [(x + slant, -thick), (right + slant, -thick), (right - slant, 0), (x - slant, 0)]
            kit.polygon(canvas, kit.turned(bar, angle, at, size), stripe)

    def paint(canvas: Canvas, time_s: float) -> None:
        dx, dy = drift(time_s)
        at = middle[0] + dx, middle[1] + dy
        lean = tilt + dx / size * 0.4
        hinge = kit.turned([(-side / 2, -0.12)], lean, at, size)[0]
        pivot = float(hinge[0]), float(hinge[1])
        slate = [(0, 0), (side, 0), (side, 0.68), (0, 0.68)]
        kit.polygon(canvas, kit.turned(slate, lean, pivot, size), board)
        for row, long in enumerate(lines):
            y = 0.2 + 0.11 * row
            text = [
                (0.06, y),
                (0.06 + 0.88 * long, y),
                (0.06 + 0.88 * long, y + 0.03),
                (0.06, y + 0.03),
            ]
            kit.polygon(canvas, kit.turned(np.array(text) * (side, 1), lean, pivot, size), ink)
        lower = kit.turned([(0, thick)], lean, pivot, size)[0]
        stick(canvas, lean, (float(lower[0]), float(lower[1])))
        stick(canvas, lean - side * widest * opening(time_s), pivot)
        below = kit.turned([(0, 0.6)], lean, at, size)[0]
        kit.limb(
            canvas,
            (float(below[0]), float(below[1])),
            (at[0] + 0.1 * size, at[1] + 0.9 * size),
            0.16 * size,
            hand,
        )

    hits = [kit.Hit(t, v, sound, middle) for t, v in zip(times, speeds, strict=True)]
    return kit.Take(paint, hits, middle, 1.2 * size)


def _hammer(rng: np.random.Generator, stage: Stage) -> kit.Take:
    size = kit.size_px(rng, stage, 0.06, 0.6)
    gap = float(rng.choice([0.35, 0.8]))
    times = kit.event_times(rng, stage, gap, 0.2)
    height, speeds = kit.strokes(rng, stage, times)
    material: kit.Material = (kit.METAL, kit.METAL, kit.WOOD, kit.STONE)[rng.integers(4)]
    sounds = [kit.voice(rng, material) for _ in range(2)]
    middle = kit.place(rng, stage, 1.6 * size, 1.5 * size)
    side = float(rng.choice([-1, 1]))
    contact = middle[0] - side * 0.6 * size, middle[1] + 0.35 * size
    drift = kit.sway(rng, 0.025 * size)
    widest, head = float(rng.uniform(0.5, 1.4)), float(rng.uniform(0.09, 0.16))
    reach = float(rng.uniform(0.7, 1.1))
    steel, handle, hand, bench = (kit.random_colour(rng) for _ in range(4))
    hand = kit.skin_colour(rng)
    sleeve, nail = kit.other_colour(rng, hand), kit.other_colour(rng, bench)
    has_arm, has_nail = rng.random() < 0.75, rng.random() < 0.6
    bench_right = float(rng.uniform(0.3, 1.6))

    def paint(canvas: Canvas, time_s: float) -> None:
        lift = height(time_s)
        dx, dy = drift(time_s)
        free = min(1.0, 3 * lift)
        x, y = contact
        top = y + (0.12 * size if has_nail else 0)
        kit.box(canvas, x - 0.35 * size, top, x + bench_right * size, top + 0.2 * size, bench)
        if has_nail:
            kit.limb(canvas, (x, y), (x, top), 0.04 * size, nail)
        grip = (x + side * reach * size + dx * free, y - (head + 0.25 * lift) * size + dy * free)
        angle = side * widest * lift
        local = np.array(
            [
                (-reach - 0.09, -head),
                (-reach + 0.09, -head),
                (-reach + 0.09, head),
                (-reach - 0.09, head),
            ]
        )
        wood = np.array([(-reach, -0.03), (0.08, -0.03), (0.08, 0.03), (-reach, 0.03)])
        kit.polygon(canvas, kit.turned(wood * (side, 1), angle, grip, size), handle)
        kit.polygon(canvas, kit.turned(local * (side, 1), angle, grip, size), steel)
        if has_arm:
            elbow = grip[0] + side * 0.5 * size, grip[1] + (0.35 - 0.3 * lift) * size
            kit.limb(canvas, grip, elbow, 0.17 * size, sleeve)
            kit.oval(canvas, grip, (0.11 * size, 0.1 * size), hand, angle)

    which = rng.integers(0, 2, len(times))
    hits = [kit.Hit(t, v, sounds[w], contact) for t, v, w in zip(times, speeds, which, strict=True)]
    return kit.Take(paint, hits, middle, 1.4 * size)


def _chopping(rng: np.random.Generator, stage: Stage) -> kit.Take:
    size = kit.size_px(rng, stage, 0.08, 0.6)
    times = kit.event_times(rng, stage, float(rng.choice([0.24, 0.5])), 0.13)
    height, speeds = kit.strokes(rng, stage, times)
    sound = kit.voice(
        rng, (kit.WOOD, kit.WOOD, kit.STONE)[rng.integers(3)], float(rng.uniform(0.6, 1.1))
    )
    middle = kit.place(rng, stage, 1.6 * size, 1.2 * size)
    board_y = middle[1] + 0.4 * size
    rocks, side = rng.random() < 0.5, float(rng.choice([-1, 1]))
    steel, board, food = (kit.random_colour(rng) for _ in range(3))
    hand, handle, inside = (
        kit.skin_colour(rng),
        kit.random_colour(rng),
        kit.other_colour(rng, food),
    )
    travel, deep = float(rng.uniform(0, 0.25)), float(rng.uniform(0.12, 0.24))
    slices = rng.uniform(-0.6, 0.3, (12, 2)) * (1, 0.12)
    push, drift = kit.sway(rng, travel * size), kit.sway(rng, 0.02 * size)
    high, has_helper = float(rng.uniform(0.2, 0.5)), rng.random() < 0.7
    blade = np.array(
        [(-0.62, -deep), (0.0, -deep - 0.02), (0.0, 0.0), (-0.5, 0.0), (-0.64, -0.4 * deep)]
    )
    grip = np.array([(0, -deep), (0.34, -deep), (0.36, -deep + 0.08), (0, -deep + 0.09)])

    def paint(canvas: Canvas, time_s: float) -> None:
        lift = height(time_s)
        shift, _ = push(time_s)
        dx, dy = drift(time_s)
        kit.box(
            canvas,
            middle[0] - 0.8 * size,
            board_y,
            middle[0] + 0.8 * size,
            board_y + 0.1 * size,
            board,
        )
        for x, y in slices:
            kit.oval(
                canvas,
                (middle[0] + side * x * size, board_y - (0.03 + abs(y)) * size),
                (0.03 * size, 0.07 * size),
                inside,
            )
        food_x = middle[0] - side * 0.45 * size
        kit.oval(canvas, (food_x, board_y - 0.1 * size), (0.22 * size, 0.1 * size), food)
        if has_helper:
            kit.oval(
                canvas,
                (food_x - side * 0.1 * size + dx, board_y - 0.2 * size + dy),
                (0.18 * size, 0.12 * size),
                hand,
            )
        tip = middle[0] + shift + side * 0.2 * size, board_y
        if rocks:
            tip = tip[0] - side * 0.6 * size, tip[1]
            local, angle = np.add(blade, (0.6, 0)) * (side, 1), -side * high * 1.1 * lift
            held = np.add(grip, (0.6, 0)) * (side, 1)
        else:
            tip = tip[0], tip[1] - high * size * lift
            local, angle, held = blade * (side, 1), -side * 0.25 * lift, grip * (side, 1)
        kit.polygon(canvas, kit.turned(local, angle, tip, size), steel)
        handle_points = kit.turned(held, angle, tip, size)
        kit.polygon(canvas, handle_points, handle)
        x, y = (float(v) for v in handle_points.mean(0))
        kit.oval(canvas, (x, y), (0.16 * size, 0.11 * size), hand)
        kit.limb(canvas, (x, y), (x + side * 0.45 * size, y - 0.1 * size), 0.15 * size, hand)

    at = middle[0], board_y
    hits = [kit.Hit(t, v, sound, at) for t, v in zip(times, speeds, strict=True)]
    return kit.Take(paint, hits, middle, 1.2 * size)


def _switches(rng: np.random.Generator, stage: Stage) -> kit.Take:
    n = int(rng.integers(1, 5))
    size = kit.size_px(rng, stage, 0.05, 0.32 if n > 2 else 0.5)
    times = kit.event_times(rng, stage, 0.8, 0.3)
    which = rng.integers(0, n, len(times))
    lever = rng.random() < 0.5
    middle = kit.place(rng, stage, 0.7 * n * size, 1.3 * size)
    centres = [(middle[0] + (i - (n - 1) / 2) * 0.65 * size, middle[1]) for i in range(n)]
    sounds = [kit.voice(rng, kit.CLICK if rng.random() < 0.7 else kit.WOOD, 1.2) for _ in range(n)]
    travel = rng.uniform(0.02, 0.12, len(times))
    reach = float(rng.uniform(0.28, 0.45))
    flips = list(zip(times, which, travel, strict=True))
    states, finger_x, finger_y = _flipped(rng, stage, flips, centres, size, reach)
    plate, knob, light, hand = (kit.random_colour(rng) for _ in range(4))
    knob, hand = kit.other_colour(rng, plate, 30), kit.skin_colour(rng)
    has_lamp, has_finger = rng.random() < 0.3, rng.random() < 0.7
    lean = float(rng.uniform(-0.5, 0.5))

    def paint(canvas: Canvas, time_s: float) -> None:
        for (x, y), state in zip(centres, states, strict=True):
            side = state(time_s)
            kit.box(canvas, x - 0.29 * size, y - 0.5 * size, x + 0.29 * size, y + 0.5 * size, plate)
            if lever:
                kit.limb(canvas, (x, y), (x, y + side * reach * size), 0.12 * size, knob)
                kit.oval(canvas, (x, y + side * reach * size), (0.11 * size, 0.11 * size), knob)
            else:
                edge = y + side * 0.06 * size
                kit.box(canvas, x - 0.16 * size, y - 0.3 * size, x + 0.16 * size, edge, knob)
                kit.box(canvas, x - 0.16 * size, edge, x + 0.16 * size, y + 0.3 * size, light)
            if has_lamp and side > 0.99:
                kit.oval(canvas, (x, y - 0.42 * size), (0.05 * size, 0.05 * size), (250, 240, 170))
        if has_finger:
            tip = finger_x(time_s), finger_y(time_s)
            palm = tip[0] + (0.5 + lean) * size, tip[1] + 0.9 * size
            kit.limb(canvas, tip, palm, 0.15 * size, hand)
            kit.oval(canvas, palm, (0.3 * size, 0.35 * size), hand)

    speeds = np.clip(0.03 / travel, 0.25, 1) * rng.uniform(0.7, 1, len(times))
    hits = [
        kit.Hit(t, v, sounds[w], centres[w]) for t, v, w in zip(times, speeds, which, strict=True)
    ]
    return kit.Take(paint, hits, middle, max(n * 0.65, 1.0) * size)


def _flipped(
    rng: np.random.Generator,
    stage: Stage,
    flips: Sequence[tuple[float, int, float]],
    centres: Sequence[kit.Point],
    size: float,
    reach: float,
) -> tuple[list[kit.Track], kit.Track, kit.Track]:
    """Flip switches with a finger: position of each lever, -1 (up) to 1 (down), and finger (x, y).

    A flip has the time of its end (s), the index of the switch, and the travel time of the lever
    (s). `reach` is the distance of the touched point from the centre, as a share of the length.
    """
    ups = rng.choice([-1.0, 1.0], len(centres))
    switch_keys: list[list[kit.Key]] = [[(-9.0, up, kit.SMOOTH)] for up in ups]
    across: list[kit.Key] = []
    along: list[kit.Key] = []
    for t, i, long in flips:
        up, ease = ups[i], float(rng.uniform(1.5, 3))
        switch_keys[i] += [(t - long, up, kit.SMOOTH), (t, -up, ease)]
        (x, y), away = centres[i], float(rng.uniform(0.1, 0.5))
        stop = y + up * (away + reach) * size
        across += [(t - long - 0.05, x, kit.SMOOTH), (t + 0.08, x, kit.SMOOTH)]
        along += [
            (t - long - 0.05, stop, kit.SMOOTH),
            (t - long, y + up * reach * size, 1.5),
            (t, y - up * reach * size, ease),
            (t + 0.08, y, kit.SMOOTH),
        ]
        ups[i] = -up
    states = [kit.keyed(stage, [*keys, (1e6, keys[-1][1], kit.SMOOTH)]) for keys in switch_keys]
    return states, kit.keyed(stage, across), kit.keyed(stage, along)


TAKES = {
    "clapperboard": _clapperboard,
    "hammer": _hammer,
    "chopping": _chopping,
    "switches": _switches,
}
SCENES = kit.scenes_of(TAKES)
