"""Continuous sounds: sawing, brushing, machines, drops, fire; the printer is held out."""

from collections.abc import Iterable
from itertools import pairwise

import numpy as np

from training.data.synthetic.chance import log_uniform
from training.data.synthetic.performance import (
    SOUND_RATE_HZ,
    Canvas,
    Performance,
    Scene,
    Stage,
    Use,
)
from training.data.synthetic.scenes import sounds
from training.data.synthetic.scenes.drawing import Colour, Pen, blend, cast, glow, palette, shade

_TAP = np.array(
    [[-1, -1.4], [0.12, -1.4], [0.12, -1.05], [-0.12, -1.05], [-0.12, -1.2], [-1, -1.2]]
)


def _speeds(rng: np.random.Generator, stage: Stage, top_hz: float) -> sounds.Floats:
    """Rotation speed in turns/s at 1 kHz: varying, with stops and starts."""
    times = sounds.curve_times(stage)
    pace = 0.65 + 0.35 * sounds.wander(rng, stage, 0.6).values
    runs = np.searchsorted(sounds.event_times(rng, stage, 0.9, 0.3), times) % 3 != 0
    inertia = np.exp(-np.arange(0, 0.4, 1 / sounds.CURVE_RATE_HZ) / 0.08)
    speed = np.convolve(np.where(runs, top_hz * pace, 0.0), inertia / inertia.sum())
    return speed[: len(times)]


def _draw_engine(
    pen: Pen, look: str, down: float, angle: float, colours: tuple[Colour, ...]
) -> None:
    block, rod, wheel, mark = colours
    pen.box(0, 1.2, 1.1, 0.2, block)
    if look == "piston":
        pen.box(0, 0.5, 0.45, 0.7, shade(block, 0.7))
        crank = (0.4 * np.sin(angle), -0.75 + 0.4 * np.cos(angle))
        pen.ellipse(0, -0.75, 0.6, 0.6, wheel)
        pen.line(np.array([crank, [0, 0.0 + 0.7 * down]]), rod, 0.14)
        pen.box(0, 0.1 + 0.7 * down, 0.38, 0.2, mark)
    elif look == "press":
        for side in (-0.9, 0.9):
            pen.box(side, 0, 0.12, 1.2, shade(block, 0.7))
        pen.box(0, -1.2, 1.05, 0.15, block)
        pen.box(0, -0.75 + 0.7 * down, 0.1, 0.6, rod)
        pen.box(0, 0.0 + 0.7 * down, 0.6, 0.28, wheel)
    else:
        pen.box(0.3, -0.7, 0.9, 0.3, block)
        pen.box(1.0, 0.2, 0.2, 1.0, block)
        pen.ellipse(1.05, -0.7, 0.3, 0.36, wheel)
        pen.line(
            np.array([[1.05, -0.7], [1.05 + 0.28 * np.sin(angle), -0.7 + 0.33 * np.cos(angle)]]),
            mark,
            0.07,
        )
        pen.line(np.array([[-0.4, -0.5 + 0.5 * down], [-0.4, 0.5 + 0.5 * down]]), rod, 0.1)
        pen.box(-0.4, -0.3 + 0.5 * down, 0.14, 0.12, rod)


def _engine(rng: np.random.Generator, stage: Stage) -> Performance:
    """Run a piston, press or sewing machine, with a thump at the lowest point."""
    look = str(rng.choice(["piston", "press", "needle"]))
    times = sounds.curve_times(stage)
    top_hz = {"piston": 4.0, "press": 1.8, "needle": 6.0}[look] * float(rng.uniform(0.7, 1.3))
    speed = _speeds(rng, stage, top_hz)
    turns = sounds.Curve(np.cumsum(speed) / sounds.CURVE_RATE_HZ + float(rng.random()))
    # Each full turn ends at the lowest point.
    first_turn, last_turn = int(np.ceil(turns.values[0])), int(turns.values[-1])
    low = log_uniform(rng, 60, 900)
    knock = sounds.click(
        rng, low, low * float(rng.uniform(4, 12)), float(rng.uniform(0.006, 0.04)), 0.6
    )
    track = np.zeros(stage.n_samples)
    for turn in range(first_turn, last_turn + 1):
        at = min(int(np.searchsorted(turns.values, turn)), len(times) - 1)
        sounds.mix(track, knock, times[at], 0.2 + speed[at] / top_hz)
    peak = max(float(np.abs(track).max()), 1e-3)
    level = sounds.Curve(speed / top_hz).samples(stage)
    hum = sounds.band_noise(rng, stage.n_samples, low, 3 * low)
    track += peak * float(rng.uniform(0.0, 0.06)) * level * hum
    spot = cast(rng, stage, 1.2, 1.4, 0.08)
    colours = palette(rng, 4)
    sharp, shake = float(rng.uniform(1, 3)) if look == "press" else 1.0, float(rng.uniform(0, 0.05))

    def paint(canvas: Canvas, t: float) -> None:
        angle = 2 * np.pi * turns.at(t)
        past = turns.at(t) % 1 / max(float(np.interp(t, times, speed)), 0.05)
        jolt = shake * float(np.exp(-past / 0.04))
        pen = Pen(canvas, spot.x, spot.y + jolt * spot.scale, spot.scale)
        down = (0.5 + 0.5 * float(np.cos(angle))) ** sharp
        _draw_engine(pen, look, down, angle, colours)

    return Performance(paint, sounds.mastered(rng, track), spot.focus_px, 1.6 * spot.scale)


def _printer(rng: np.random.Generator, stage: Stage) -> Performance:
    """Step a print head along its lines, buzzing while in motion."""
    starts, times = sounds.event_times(rng, stage, 0.32, 0.14), sounds.curve_times(stage)
    place, lines = np.full(len(times), -1.0), np.zeros(len(times))
    track = np.zeros(stage.n_samples)
    motor, pace = float(rng.uniform(90, 420)), float(rng.uniform(3, 9))
    column = -1.0
    for start, end in pairwise(starts):
        step = float(rng.choice([0.12, 0.3, 0.6]))
        target = -1.0 if column + step > 1 else column + step
        length = min(abs(target - column) / pace + 0.03, 0.9 * (end - start))
        first = int(np.searchsorted(times, start))
        share = np.clip((times[first:] - start) / length, 0, 1)
        place[first:] = column + (target - column) * share
        lines[first:] += (target < column) * share
        pitch = motor * float(rng.choice([1, 1, 1.12, 1.33])) * (1.5 if target < column else 1)
        t = sounds.seconds(length)
        buzz = np.sign(np.sin(2 * np.pi * pitch * t)) + 0.5 * sounds.band_noise(
            rng, len(t), 800, 6000
        )
        sounds.mix(
            track,
            sounds.fade(length, 0.002, 0.004) * buzz,
            start,
            0.4 + 0.6 * min(1, target - column),
        )
        column = target
    head, fed = sounds.Curve(place), sounds.Curve(lines)
    spot = cast(rng, stage, 1.5, 1.0, 0.08)
    case, carriage, paper, ink = palette(rng, 4)
    rows = rng.uniform(0.2, 1.1, 8)

    def paint(canvas: Canvas, t: float) -> None:
        pen = Pen(canvas, spot.x, spot.y, spot.scale)
        pen.box(0, -0.3, 1.2, 0.65, paper)
        moved = fed.at(t)
        for row in range(4):
            y = 0.1 - 0.22 * (row + moved % 1)
            length = rows[(row - int(moved)) % 8]
            pen.line(np.array([[-1.1, y], [-1.1 + 2 * length, y]]), ink, 0.05)
        pen.box(0, 0.6, 1.5, 0.38, case)
        pen.line(np.array([[-1.3, 0.35], [1.3, 0.35]]), shade(case, 0.6), 0.06)
        pen.box(1.1 * head.at(t), 0.32, 0.17, 0.24, carriage)
        pen.box(1.1 * head.at(t), 0.2, 0.07, 0.06, shade(carriage, 0.5))

    return Performance(paint, sounds.mastered(rng, track), spot.focus_px, 2.2 * spot.scale)


def _strokes(rng: np.random.Generator, stage: Stage, stroke_s: float) -> sounds.Curve:
    """Position from -1 to 1, moving to and fro in smooth strokes with pauses."""
    times = sounds.curve_times(stage)
    place = np.zeros(len(times))
    turns = sounds.event_times(rng, stage, stroke_s, 0.14)
    side, level = 1.0, 0.0
    for start, end in pairwise(turns):
        first = int(np.searchsorted(times, start))
        # After a pause the hand moves in the last part only.
        move = min(end - start, 1.6 * stroke_s)
        x = np.clip((times[first:] - (end - move)) / move, 0, 1)
        new = side * float(rng.uniform(0.3, 1))
        place[first:] = level + (new - level) * x * x * x * (10 - 15 * x + 6 * x * x)
        side, level = -side, new
    return sounds.Curve(place)


def _speed(place: sounds.Curve) -> sounds.Floats:
    return np.gradient(place.values) * sounds.CURVE_RATE_HZ


def _friction(
    rng: np.random.Generator, stage: Stage, speed: sounds.Floats, low_hz: float, high_hz: float
) -> sounds.Floats:
    """Generate rubbing noise, louder and brighter with speed (>= 0, at 1 kHz)."""
    share = speed / max(float(np.quantile(speed, 0.98)), 1e-6)
    level = sounds.Curve(share ** float(rng.uniform(0.8, 1.5))).samples(stage)
    dull = sounds.band_noise(rng, stage.n_samples, low_hz, high_hz)
    sharp = sounds.band_noise(rng, stage.n_samples, high_hz, 2.5 * high_hz)
    return level * (dull + 0.6 * level * sharp)


def _saw(rng: np.random.Generator, stage: Stage) -> Performance:
    place = _strokes(rng, stage, float(rng.uniform(0.25, 0.5)))
    speed = _speed(place)
    pull = float(rng.uniform(0.3, 1))
    force = np.where(speed > 0, speed, -pull * speed)
    low = log_uniform(rng, 300, 1500)
    track = _friction(rng, stage, force, low, low * float(rng.uniform(2, 4)))
    teeth = np.cumsum(sounds.Curve(np.abs(speed)).samples(stage)) / SOUND_RATE_HZ
    track *= 1 + float(rng.uniform(0, 0.9)) * np.sin(2 * np.pi * float(rng.uniform(8, 30)) * teeth)
    spot = cast(rng, stage, 2.0, 1.0, 0.08)
    blade, handle, skin, wood = palette(rng, 4)
    flip, reach = float(rng.choice([-1, 1])), float(rng.uniform(0.25, 0.6))
    tilt, shiver = float(rng.uniform(0.05, 0.35)), sounds.wander(rng, stage, 0.25)
    edge = np.linspace(-1.3, 0.5, 25)
    comb = np.stack([edge, np.where(np.arange(25) % 2, 0.2, 0.28)], axis=1)
    outline = np.concatenate([comb, [[0.5, -0.25], [-1.3, 0.05]]])

    def paint(canvas: Canvas, t: float) -> None:
        pen = Pen(canvas, spot.x, spot.y, spot.scale, 0, flip)
        slide = reach * place.at(t)
        moved = pen.to(0.2, -0.1, -tilt + 0.02 * shiver.at(t)).to(slide, 0)
        moved.polygon(outline, blade)
        moved.polygon(np.array([[0.45, -0.32], [0.95, -0.3], [0.9, 0.32], [0.45, 0.3]]), handle)
        moved.ellipse(0.75, 0, 0.26, 0.22, skin)
        moved.line(np.array([[0.75, 0.05], [1.5, 0.5]]), skin, 0.28)
        pen.box(-0.3, 0.62, 0.8, 0.38, wood)
        pen.line(np.array([[-1.0, 0.6], [0.4, 0.66]]), shade(wood, 0.7), 0.04)

    return Performance(paint, sounds.mastered(rng, track), spot.focus_px, 2 * spot.scale)


def _brush(rng: np.random.Generator, stage: Stage) -> Performance:
    stroke_s = float(rng.uniform(0.2, 0.45))
    across, along = _strokes(rng, stage, stroke_s), _strokes(rng, stage, stroke_s)
    tall = float(rng.choice([0.0, 0.3, 1.0]))
    speed = np.hypot(_speed(across), tall * _speed(along))
    low = log_uniform(rng, 200, 3500)
    track = _friction(rng, stage, speed, low, low * float(rng.uniform(1.8, 4)))
    spot = cast(rng, stage, 1.5, 1.2, 0.08)
    floor, stock, bristle, skin = palette(rng, 4)
    reach, tilt = float(rng.uniform(0.3, 0.8)), float(rng.uniform(-0.8, 0.8))
    has_floor, is_cloth = rng.random() < 0.7, rng.random() < 0.4

    def paint(canvas: Canvas, t: float) -> None:
        pen = Pen(canvas, spot.x, spot.y, spot.scale, tilt)
        if has_floor:
            pen.ellipse(0, 0.1, 1.4, 0.9, floor)
        x, y = reach * across.at(t), 0.6 * reach * tall * along.at(t)
        lean = (across.at(t + 0.01) - across.at(t - 0.01)) * 0.8
        held = pen.to(x, y, 0.1 * lean)
        if is_cloth:
            held.polygon(np.array([[-0.5, -0.2], [0.4, -0.3], [0.55, 0.25], [-0.35, 0.35]]), stock)
        else:
            held.polygon(
                np.array([[-0.45, 0], [0.45, 0], [0.45 - lean, 0.32], [-0.45 - lean, 0.32]]),
                bristle,
            )
            held.box(0, -0.05, 0.5, 0.14, stock)
        held.ellipse(0.05, -0.12, 0.33, 0.22, skin)
        held.line(np.array([[0.1, -0.15], [0.7 - 0.3 * x, -1.0]]), skin, 0.28)

    return Performance(paint, sounds.mastered(rng, track), spot.focus_px, 1.5 * spot.scale)


def _plink(rng: np.random.Generator, pitch_hz: float, strength: float) -> sounds.Floats:
    t = sounds.seconds(0.3)
    # The pitch of a bubble under the surface rises with the bubble.
    pitch = pitch_hz * (1 + rng.uniform(0.5, 4) * t) / (0.6 + 0.4 * strength)
    bubble = np.exp(-t / rng.uniform(0.02, 0.07)) * np.sin(
        2 * np.pi * np.cumsum(pitch) / SOUND_RATE_HZ
    )
    return bubble + 0.3 * sounds.band_noise(rng, len(t), 1000, 7000) * np.exp(-t / 0.004)


def _water_drops(rng: np.random.Generator, stage: Stage) -> Performance:
    times = sounds.event_times(rng, stage, 0.6, 0.2)
    strengths = np.exp(rng.uniform(np.log(0.3), 0, len(times)))
    pitch, fall_s = float(np.exp(rng.uniform(6.2, 8))), float(rng.uniform(0.25, 0.5))
    track = np.zeros(stage.n_samples)
    for time, strength in zip(times, strengths, strict=True):
        sounds.mix(track, _plink(rng, pitch, float(strength)), time, strength)
    spot = cast(rng, stage, 1.2, 1.4, 0.08)
    water, drop, tap, foam = palette(rng, 4)
    flat, has_tap = float(rng.uniform(0.2, 0.6)), rng.random() < 0.6
    spread, place = float(rng.uniform(0.8, 1.8)), float(rng.uniform(-0.2, 0.2))
    ripple = sounds.wander(rng, stage, 0.4)

    def paint(canvas: Canvas, t: float) -> None:
        pen = Pen(canvas, spot.x, spot.y, spot.scale)
        pen.ellipse(0, 0.9, 1.2, 1.2 * flat * 0.7, water)
        pen.ellipse(0.4, 0.9, 0.4 + 0.03 * ripple.at(t), 0.03, shade(water, 1.15))
        if has_tap:
            pen.to(place, 0).polygon(_TAP, tap)
        index = sounds.since(times, t)[0]
        for ring_index in range(max(0, index - 2), index + 1):
            past, power = t - float(times[ring_index]), float(strengths[ring_index])
            size = 0.06 + spread * past
            if size < 1.1:
                colour = blend(water, foam, power * float(np.exp(-past / 0.3)))
                pen.ellipse(place, 0.9, size, size * flat * 0.7, colour, 0.05 * (0.5 + power))
            crown = 3 * power * past - 14 * past**2 + 0.06 * power
            if crown > 0:
                grain = min(0.06, crown)
                for side in (-0.5, 0.1, 0.6):
                    x = place + side * (0.1 + 2.5 * past)
                    pen.ellipse(x, 0.88 - crown, 0.8 * grain, grain, drop)
        for strength, time in zip(
            strengths[index + 1 : index + 3], times[index + 1 :], strict=False
        ):
            size, left = 0.06 + 0.07 * float(strength), float(time) - t
            if left < fall_s:
                y = -1.0 + 1.85 * (1 - left / fall_s) ** 2
                pen.ellipse(place, y, size, size * (1.1 + 0.3 * (1 - left / fall_s)), drop)
            elif left < fall_s + 0.3 and has_tap:
                swell = 1 - (left - fall_s) / 0.3
                pen.ellipse(place, -1.05 + 0.05 * swell, size * swell, size * swell, drop)

    focus = (spot.x, spot.y + 0.7 * spot.scale)
    return Performance(paint, sounds.mastered(rng, track), focus, 1.6 * spot.scale)


def _draw_flames(
    pen: Pen, roots: Iterable[float], tips: Iterable[float], tall: Iterable[float], hue: float
) -> None:
    tongues = list(zip(roots, tips, tall, strict=True))
    for layer, share in enumerate((1.0, 0.65, 0.35)):
        fill, half = blend((230, int(hue), 20), (255, 245, 190), layer / 2), 0.3 * share
        for x, tip, full in tongues:
            top = 1.15 - share * full
            left, right = x - 0.8 * half, x + 0.8 * half
            waist = 1.1 - 0.42 * share * full
            edge = [[x - half, 1.15], [left, waist], [tip, top], [right, waist], [x + half, 1.15]]
            pen.polygon(np.array(edge), fill)


def _fire(rng: np.random.Generator, stage: Stage) -> Performance:
    times = sounds.event_times(rng, stage, 0.4, 0.1)
    strengths = np.exp(rng.uniform(np.log(0.3), 0, len(times)))
    slow, quick = sounds.wander(rng, stage, 0.22), sounds.wander(rng, stage, 0.09)
    height = sounds.Curve(0.7 + 0.2 * slow.values + 0.15 * quick.values)
    roar = sounds.Curve(height.values**2).samples(stage)
    track = (
        float(rng.uniform(0.003, 0.015)) * roar * sounds.band_noise(rng, stage.n_samples, 60, 900)
    )
    for time, strength in zip(times, strengths, strict=True):
        low = log_uniform(rng, 500, 3000)
        sounds.mix(
            track,
            sounds.click(rng, low, 4 * low, float(rng.uniform(0.0015, 0.008)), 0.3),
            time,
            strength,
        )
    spot = cast(rng, stage, 1.2, 1.4, 0.08)
    n_tongues, n_sparks = int(rng.integers(4, 8)), int(rng.integers(4, 12))
    flickers = [sounds.wander(rng, stage, float(rng.uniform(0.08, 0.2))) for _ in range(n_tongues)]
    places = rng.uniform(-0.7, 0.7, len(times))
    throws = rng.uniform((-1, -2.2), (1, -0.8), (n_sparks, 2))
    roots = 1.5 * ((np.arange(n_tongues) + 0.5) / n_tongues - 0.5)
    wood, hue = palette(rng, 1)[0], float(rng.uniform(60, 150))
    halo = float(rng.uniform(0.15, 0.5))

    def paint(canvas: Canvas, t: float) -> None:
        index, past, _ = sounds.since(times, t)
        power = float(strengths[index]) if index >= 0 else 0.0
        flash = power * float(np.exp(-past / 0.05))
        pen = Pen(canvas, spot.x, spot.y, spot.scale)
        warmth = halo * height.at(t) + 0.6 * flash
        glow(canvas, spot.x, spot.y + 0.4 * spot.scale, 2.2 * spot.scale, (255, 150, 60), warmth)
        pen.line(np.array([[-1, 1.3], [0.9, 1.1]]), shade(wood, 0.5), 0.2)
        pen.line(np.array([[-0.9, 1.1], [1, 1.3]]), shade(wood, 0.6), 0.2)
        tips = [x + 0.25 * flickers[n - 1].at(t - 0.05) for n, x in enumerate(roots)]
        tall = [
            (1 + 0.5 * flicker.at(t) + 0.3 * flash) * height.at(t) * (1.7 - abs(x))
            for flicker, x in zip(flickers, roots, strict=True)
        ]
        _draw_flames(pen, roots, tips, tall, hue)
        for shot in range(max(0, index - 4), index + 1):
            age, strength = t - float(times[shot]), float(strengths[shot])
            if age < 0.5:
                at = throws * strength**0.5 * (age + 0.01) + (places[shot], 0.9 + 2.5 * age**2)
                size = 0.03 + 0.03 * strength
                for x, y in at[: 2 + int(n_sparks * strength)]:
                    pen.ellipse(x, y, size, size, (255, 230, 160))
        if flash > 0.02:
            ((x, y),) = pen.pixels(np.array([[float(places[index]), 0.9]]))
            glow(canvas, x, y, 0.6 * spot.scale, (255, 240, 200), flash)

    return Performance(paint, sounds.mastered(rng, track), spot.focus_px, 2 * spot.scale)


SCENES: tuple[Scene, ...] = (
    Scene("saw", _saw),
    Scene("brush", _brush),
    Scene("water drops", _water_drops),
    Scene("engine", _engine),
    Scene("fire", _fire),
    Scene("printer", _printer, use=Use.HELD_OUT),
)
