"""Percussion by hand or stick, and ticking: drums, metronome, hand claps, knocks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.data.synthetic.performance import Canvas, Stage
from training.data.synthetic.scenes import impact_kit as kit


@dataclass(frozen=True, slots=True)
class _DrumSet:
    """Look of the drums and cymbals of a set.

    Attributes:
        flat: Height of a circle seen in perspective, as a share of its width.
        tall: Height of a drum (px).
        shell: Colour of drums and stands.
        skin: Colour of drumheads.
        brass: Colour of cymbals.
    """

    flat: float
    tall: float
    shell: kit.Colour
    skin: kit.Colour
    brass: kit.Colour

    def draw_drum(self, canvas: Canvas, at: kit.Point, radius: float, age_s: float) -> None:
        """Draw a drum around the middle of its head; the head trembles after a blow."""
        x, y = at
        dent = 0.06 * radius * np.sin(90 * age_s) * np.exp(-18 * age_s)
        kit.oval(canvas, (x, y + self.tall), (radius, radius * self.flat), self.shell)
        kit.box(canvas, x - radius, y, x + radius, y + self.tall, self.shell)
        kit.oval(canvas, (x, y), (radius, radius * self.flat), self.skin)
        kit.oval(canvas, (x, y + dent), (radius * 0.85, radius * self.flat * 0.8), self.skin)

    def draw_cymbal(
        self, canvas: Canvas, at: kit.Point, radius: float, age_s: float, thick: float
    ) -> None:
        """Draw a cymbal around its middle, rocking on its stand after a blow."""
        rock = 0.16 * np.sin(22 * age_s) * np.exp(-3 * age_s)
        kit.limb(canvas, at, (at[0], at[1] + 1.3 * self.tall), thick, self.shell)
        kit.oval(canvas, at, (radius * 1.1, radius * self.flat * 0.6), self.brass, rock)


def _drum(rng: np.random.Generator, stage: Stage) -> kit.Take:
    """Play up to four drums and cymbals with two sticks."""
    n = int(rng.integers(2, 5))
    size = kit.size_px(rng, stage, 0.15, 0.65)
    middle = kit.place(rng, stage, 1.2 * size, 1.1 * size)
    spots: list[kit.Point] = [
        (
            middle[0] + ((i + 0.5) / n - 0.5) * 1.05 * size,
            middle[1] + float(rng.uniform(-0.02, 0.28)) * size,
        )
        for i in range(n)
    ]
    radii = [float(rng.uniform(0.35, 0.5)) * size / n for _ in range(n)]
    is_cymbal = rng.random(n) < 0.25
    sounds = [
        kit.voice(rng, kit.CYMBAL if c else kit.SKIN_DRUM, float(rng.uniform(0.7, 1.6)))
        for c in is_cymbal
    ]
    times = kit.event_times(rng, stage, float(rng.choice([0.22, 0.4, 0.7])), 0.13)
    which = rng.integers(0, n, len(times))
    sticks, loudness = _sticks(rng, stage, times, which, spots)
    shell, skin, wood, hand = (kit.random_colour(rng) for _ in range(4))
    skin, hand, brass = (
        kit.other_colour(rng, shell, 30),
        kit.skin_colour(rng),
        kit.random_colour(rng),
    )
    lift, long = float(rng.uniform(0.2, 0.45)) * size, float(rng.uniform(0.35, 0.6)) * size
    drum_set = _DrumSet(
        float(rng.uniform(0.25, 0.6)), float(rng.uniform(0.15, 0.4)) * size, shell, skin, brass
    )
    drift = kit.sway(rng, 0.02 * size)
    has_hands = rng.random() < 0.7

    def paint(canvas: Canvas, time_s: float) -> None:
        for i, (spot, radius) in enumerate(zip(spots, radii, strict=True)):
            past = time_s - times[(which == i) & (times <= time_s)]
            age_s = float(past.min()) if len(past) else 9.0
            if is_cymbal[i]:
                drum_set.draw_cymbal(canvas, spot, radius, age_s, 0.02 * size)
            else:
                drum_set.draw_drum(canvas, spot, radius, age_s)
        for height, x_of, y_of, side in sticks:
            high, (dx, dy) = height(time_s), drift(time_s + 3 * side)
            x, y = x_of(time_s), y_of(time_s) - lift * high
            grip = x + side * (0.45 * long + dx), y + (0.8 - 0.5 * high) * long * 0.8 + dy
            kit.limb(canvas, (x, y), grip, 0.025 * size, wood)
            kit.oval(canvas, (x, y), (0.02 * size, 0.02 * size), wood)
            if has_hands:
                kit.oval(canvas, grip, (0.06 * size, 0.05 * size), hand)
                elbow = grip[0] + side * 0.12 * size, grip[1] + 0.3 * size
                kit.limb(canvas, grip, elbow, 0.07 * size, hand)

    hits = [
        kit.Hit(t, v, sounds[w], spots[w]) for t, v, w in zip(times, loudness, which, strict=True)
    ]
    return kit.Take(paint, hits, middle, size)


def _sticks(
    rng: np.random.Generator,
    stage: Stage,
    times: NDArray[np.float64],
    which: NDArray[np.int64],
    spots: Sequence[kit.Point],
) -> tuple[list[tuple[kit.Track, kit.Track, kit.Track, float]], NDArray[np.float64]]:
    """Distribute blows on drums, numbered from left to right, over two sticks.

    Returns:
        Height (0 touching, 1 highest), x and y of the tip, and side (-1 left, 1 right) of each
        playing stick; loudness of each blow.
    """
    # The left stick plays the left drums, with exceptions.
    reach = which + rng.uniform(-1, 1, len(times))
    stick_of = (reach >= (len(spots) - 1) / 2).astype(int)
    sticks, loudness = [], np.ones(len(times))
    for stick in (0, 1):
        mine = stick_of == stick
        if not mine.any():
            continue
        height, loudness[mine] = kit.strokes(rng, stage, times[mine], float(rng.uniform(0.15, 0.5)))
        xs: list[kit.Key] = []
        ys: list[kit.Key] = []
        for t, w in zip(times[mine], which[mine], strict=True):
            for keys, value in zip((xs, ys), spots[w], strict=True):
                keys += [(t - 0.03, value, kit.SMOOTH), (t + 0.03, value, kit.SMOOTH)]
        sticks.append((height, kit.keyed(stage, xs), kit.keyed(stage, ys), float(2 * stick - 1)))
    return sticks, loudness


def _metronome_times(rng: np.random.Generator, stage: Stage) -> NDArray[np.float64]:
    tempo, jitter = float(rng.uniform(0.28, 0.9)), float(rng.uniform(0.03, 0.13))
    times = [-1.0 + float(rng.uniform(0, tempo))]
    while times[-1] < stage.duration_s + 1:
        tempo *= float(np.exp(rng.normal(0, 0.03)))
        tempo = min(max(tempo, 0.25), 1.0)
        gap = tempo * float(np.exp(rng.normal(0, jitter)))
        times.append(times[-1] + gap + (rng.uniform(0.4, 1.8) if rng.random() < 0.12 else 0))
    return np.array(times)


def _metronome(rng: np.random.Generator, stage: Stage) -> kit.Take:
    size = kit.size_px(rng, stage, 0.08, 0.6)
    times = _metronome_times(rng, stage)
    ticks_in_middle = rng.random() < 0.5
    widest = float(rng.uniform(0.3, 0.75))
    angle = _swung(rng, stage, times, widest, ticks_in_middle)
    sounds = [kit.voice(rng, (kit.WOOD, kit.METAL)[rng.integers(2)], float(rng.uniform(0.8, 2.5)))]
    sounds.append(sounds[0] if rng.random() < 0.6 else kit.voice(rng, kit.METAL))
    middle = kit.place(rng, stage, 1.2 * size, 1.2 * size)
    pivot = middle[0], middle[1] + 0.4 * size
    case, face, rod, bob = (kit.random_colour(rng) for _ in range(4))
    face, rod = kit.other_colour(rng, case), kit.other_colour(rng, face, 40)
    bob_at, hangs = float(rng.uniform(0.35, 0.85)), float(rng.choice([-1, -1, 1]))
    if hangs > 0:
        pivot = middle[0], middle[1] - 0.4 * size
    has_case = hangs < 0 and rng.random() < 0.75
    thick = float(rng.uniform(0.015, 0.04)) * size

    def paint(canvas: Canvas, time_s: float) -> None:
        x, y = pivot
        if has_case:
            outline = np.array([(-0.32, 0.1), (-0.13, -0.8), (0.13, -0.8), (0.32, 0.1)])
            kit.polygon(canvas, outline * size + pivot, case)
            kit.polygon(canvas, outline * size * 0.8 + pivot, face)
        else:
            kit.box(
                canvas, x - 0.12 * size, y - 0.04 * size, x + 0.12 * size, y + 0.04 * size, case
            )
        a = angle(time_s)
        along = np.sin(a) * size * 0.9, hangs * np.cos(a) * size * 0.9
        kit.limb(canvas, pivot, (x + along[0], y + along[1]), thick, rod)
        weight = np.array([(-0.06, -0.05), (0.06, -0.05), (0.045, 0.06), (-0.045, 0.06)])
        at = x + bob_at * along[0], y + bob_at * along[1]
        kit.polygon(canvas, kit.turned(weight, -a * hangs, at, size), bob)

    levels = rng.uniform(0.55, 1.0, len(times))
    ends = [angle(float(t)) for t in times]
    tips = [
        (pivot[0] + 0.9 * size * float(np.sin(a)), pivot[1] + hangs * 0.9 * size * float(np.cos(a)))
        for a in ends
    ]
    hits = [kit.Hit(t, levels[i], sounds[i % 2], tips[i]) for i, t in enumerate(times)]
    return kit.Take(paint, hits, middle, size)


def _swung(
    rng: np.random.Generator,
    stage: Stage,
    times: NDArray[np.float64],
    widest: float,
    ticks_in_middle: bool,
) -> kit.Track:
    """Angle of an arm (rad), ticking in the middle or at the ends of its swing."""
    keys: list[kit.Key] = []
    side, usual = 1.0, float(np.median(np.diff(times)))
    for t, following in zip(times, np.append(times[1:], times[-1] + usual), strict=True):
        gap = min(following - t, 1.3 * usual)
        reach = widest * float(rng.uniform(0.85, 1.0))
        if ticks_in_middle:
            keys += [(t, 0.0, 1.6), (t + gap / 2, side * reach, -1.6)]
            if following - t > gap:
                keys.append((following - gap / 2, side * reach, kit.SMOOTH))
        else:
            keys += [(t, side * reach, 1.4), (t + gap * 0.5, 0.0, -1.4)]
            if following - t > gap:
                keys[-1] = (following - gap, side * reach * 0.97, kit.SMOOTH)
                keys.append((following - gap / 2, 0.0, 1.4))
        side = -side
    return kit.keyed(stage, keys)


def _hand_claps(rng: np.random.Generator, stage: Stage) -> kit.Take:
    person = rng.random() < 0.5
    size = kit.size_px(rng, stage, 0.12 if person else 0.08, 0.6)
    times = kit.event_times(rng, stage, float(rng.choice([0.28, 0.28, 0.8])), 0.17)
    gap, speeds = kit.strokes(rng, stage, times, float(rng.uniform(0.4, 0.9)))
    sound = kit.voice(rng, kit.PALM)
    middle = kit.place(rng, stage, 1.6 * size, 1.5 * size)
    at = middle[0], middle[1] + (0.1 * size if person else 0)
    hand = 0.27 * size if person else 0.6 * size
    wide, tilt = float(rng.uniform(0.35, 0.75)), float(rng.uniform(-0.5, 0.5))
    share = float(rng.uniform(0.25, 0.75))
    skin, shirt, hair = kit.skin_colour(rng), kit.random_colour(rng), kit.random_colour(rng)
    shade, sleeve = kit.other_colour(rng, skin, 12), kit.other_colour(rng, shirt)
    drift, opens = kit.sway(rng, 0.04 * size), float(rng.uniform(0.1, 0.6))
    palm = [
        (0, 0.35),
        (0, -0.2),
        (0.02, -0.55),
        (0.12, -0.6),
        (0.2, -0.3),
        (0.24, 0.0),
        (0.2, 0.35),
    ]

    def paint(canvas: Canvas, time_s: float) -> None:
        g = gap(time_s)
        dx, dy = drift(time_s)
        x, y = at[0] + dx, at[1] + dy
        if person:
            kit.limb(
                canvas, (x, middle[1] - 0.1 * size), (x, middle[1] + 0.45 * size), 0.5 * size, shirt
            )
            kit.oval(canvas, (x, middle[1] - 0.54 * size), (0.17 * size, 0.2 * size), hair)
            kit.oval(canvas, (x, middle[1] - 0.5 * size), (0.14 * size, 0.17 * size), skin)
        for side, part in ((-1.0, share), (1.0, 1 - share)):
            away = side * wide * hand * 2 * g * part
            wrist_at = (float(x + away * np.cos(tilt)), float(y + away * np.sin(tilt)))
            shape = kit.turned(np.array(palm) * (side, 1), tilt + side * opens * g, wrist_at, hand)
            wrist = float(shape[[0, -1], 0].mean()), float(shape[[0, -1], 1].mean())
            if person:
                elbow = x + side * 0.36 * size, middle[1] + 0.35 * size
                kit.limb(
                    canvas,
                    (x + side * 0.24 * size, middle[1] - 0.2 * size),
                    elbow,
                    0.14 * size,
                    sleeve,
                )
            else:
                elbow = wrist[0] + side * 0.3 * size, wrist[1] + 0.6 * size
            kit.limb(canvas, wrist, elbow, 0.22 * hand if not person else 0.1 * size, sleeve)
            kit.polygon(canvas, shape, skin if side < 0 else shade)

    hits = [kit.Hit(t, v, sound, at) for t, v in zip(times, speeds, strict=True)]
    return kit.Take(paint, hits, at, 1.2 * size)


def _knock(rng: np.random.Generator, stage: Stage) -> kit.Take:
    size = kit.size_px(rng, stage, 0.07, 0.5)
    times: list[float] = []
    for start in kit.event_times(rng, stage, 2.2, 1.2):
        n = int(rng.integers(1, 6))
        gaps = float(rng.uniform(0.16, 0.4)) * np.exp(rng.normal(0, 0.18, n))
        first = max(start, times[-1] + 0.4 if times else -9)
        times += list(first + np.cumsum(gaps))
    lift, speeds = kit.strokes(rng, stage, times, float(rng.uniform(0.2, 0.9)))
    sound = kit.voice(
        rng, kit.WOOD if rng.random() < 0.75 else kit.METAL, float(rng.uniform(0.5, 1))
    )
    middle = kit.place(rng, stage, 1.9 * size, 1.9 * size)
    side, reach = float(rng.choice([-1, 1])), float(rng.uniform(0.3, 0.7)) * size
    seen_from_side = rng.random() < 0.5
    at = middle[0] - side * 0.35 * size, middle[1]
    door, hand, sleeve = kit.random_colour(rng), kit.skin_colour(rng), kit.random_colour(rng)
    panel, knuckle = kit.other_colour(rng, door, 12), kit.other_colour(rng, hand, 12)
    drop, drift = float(rng.uniform(0.1, 0.8)), kit.sway(rng, 0.03 * size)

    def paint(canvas: Canvas, time_s: float) -> None:
        x, y = at
        if seen_from_side:
            kit.box(canvas, x - side * 0.18 * size, -2, x, stage.height_px + 2, door)
        else:
            kit.box(canvas, x - 0.9 * size, y - 1.3 * size, x + 0.9 * size, y + 1.3 * size, door)
            kit.box(canvas, x - 0.7 * size, y - 1.1 * size, x + 0.7 * size, y + 0.2 * size, panel)
            kit.oval(canvas, (x - 0.78 * size, y + 0.1 * size), (0.06 * size, 0.06 * size), sleeve)
        h = lift(time_s)
        dx, dy = drift(time_s)
        free = min(1.0, 3 * h)
        fist = (
            x + side * (0.17 * size + reach * h) + dx * free * side,
            y + drop * 0.35 * size * h + dy * free,
        )
        near = 1 + (0 if seen_from_side else 0.35 * h)
        elbow = fist[0] + side * 0.75 * size * near, fist[1] + (0.55 - 0.35 * h) * size * near
        kit.limb(canvas, fist, elbow, 0.2 * size * near, sleeve)
        kit.oval(canvas, fist, (0.17 * size * near, 0.2 * size * near), hand)
        for i in range(4):
            kit.oval(
                canvas,
                (fist[0] - side * 0.1 * size * near, fist[1] + (i - 1.5) * 0.09 * size),
                (0.07 * size * near, 0.05 * size * near),
                knuckle,
            )

    hits = [kit.Hit(t, v, sound, at) for t, v in zip(times, speeds, strict=True)]
    return kit.Take(paint, hits, middle, 1.2 * size)


TAKES = {
    "drums": _drum,
    "metronome": _metronome,
    "hand claps": _hand_claps,
    "knock": _knock,
}

SCENES = kit.scenes_of(TAKES)
