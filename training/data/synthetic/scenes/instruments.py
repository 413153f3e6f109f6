"""Instruments: pulsing loudspeakers and meters, piano, plucked strings; the rattle is held out."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from training.data.synthetic.chance import log_uniform
from training.data.synthetic.performance import Canvas, Performance, Scene, Stage, Use
from training.data.synthetic.scenes import sounds
from training.data.synthetic.scenes.drawing import Colour, Pen, blend, cast, palette, shade

_HAND = np.array([[0.0, -0.02], [0.25, -0.2], [0.9, -0.3], [0.9, 0.3], [0.2, 0.15]])


def _string_tone(
    rng: np.random.Generator, pitch_hz: float, decay_s: float, bright: float
) -> sounds.Floats:
    place = rng.uniform(0.08, 0.4)
    modes = [
        (pitch_hz * k, decay_s / k**0.7, abs(np.sin(np.pi * k * place)) * k**-bright)
        for k in range(1, 14)
    ]
    tone = sounds.ring(modes, 1.4) * sounds.fade(1.4, 0.0008, 0.6)
    sounds.mix(tone, 0.15 * sounds.band_noise(rng, 400, 1500, 9000) * np.linspace(1, 0, 400), 0)
    return tone


def _plucks(
    rng: np.random.Generator, strokes: sounds.Floats, strengths: sounds.Floats, n_strings: int
) -> list[list[tuple[int, float, float]]]:
    """Draw the plucks of every stroke of the hand: (string, time s, strength) per string."""
    picks, plucks = rng.random() < 0.4, []
    for index, (stroke, strength) in enumerate(zip(strokes, strengths, strict=True)):
        order = list(range(n_strings))[:: (1, -1)[index % 2]]
        if picks:
            order = [int(rng.integers(n_strings))]
        lag = float(rng.uniform(0.008, 0.028)) / (0.5 + strength)
        plucks.append([(s, float(stroke + k * lag), float(strength)) for k, s in enumerate(order)])
    return plucks


def _plucked_strings(rng: np.random.Generator, stage: Stage) -> Performance:
    """Strum or pick up to six visibly swinging strings."""
    n_strings = int(rng.integers(1, 7))
    strokes = sounds.event_times(rng, stage, 0.6, 0.42)
    lowest, decay = 80 * 2 ** float(rng.uniform(0, 2)), float(rng.uniform(0.15, 0.7))
    bright = float(rng.uniform(0.5, 1.4))
    tones = [_string_tone(rng, lowest * 1.334**k, decay, bright) for k in range(n_strings)]
    strengths = np.exp(rng.uniform(np.log(0.3), 0, len(strokes)))
    plucks = _plucks(rng, strokes, strengths, n_strings)
    track = np.zeros(stage.n_samples)
    path, hits = [(-1.0, 0.0)], list[tuple[sounds.Floats, sounds.Floats]]()
    for string in range(n_strings):
        mine = [(at, power) for pluck in plucks for place, at, power in pluck if place == string]
        hits.append((np.array([at for at, _ in mine]), np.array([power for _, power in mine])))
        for at, power in mine:
            sounds.mix(track, tones[string], at, power)
    for index, pluck in enumerate(plucks):
        (first, start, power), (last, end, _) = pluck[0], pluck[-1]
        swing = (1, -1)[index % 2] * (0.5 + 0.8 * power)
        path += [(start - 0.13, first - swing), (start, first)]
        path += [(end + 1e-3, last), (end + 0.1, last + swing)]
    path_times, path_places = np.array(path).T
    spot = cast(rng, stage, 1.5, 1.0, 0.1)
    wood, hole, wire, skin = palette(rng, 4)
    amplitude, turn = float(rng.uniform(0.03, 0.09)), float(rng.uniform(-0.6, 0.6))
    span = n_strings - 1
    gap, idle = 1.2 / max(span, 1), sounds.wander(rng, stage, 0.6)
    along = np.linspace(-1.4, 1.4, 11)
    bulge, flicker_hz = np.sin(np.pi * (along + 1.4) / 2.8), float(rng.uniform(7, 23))

    def paint(canvas: Canvas, t: float) -> None:
        pen = Pen(canvas, spot.x, spot.y, spot.scale * 0.8, turn)
        pen.box(0, 0, 1.5, 0.85, wood)
        pen.ellipse(0.2, 0, 0.5, 0.5, shade(hole, 0.4))
        for string in range(n_strings):
            y = gap * (string - span / 2)
            index, past, _ = sounds.since(hits[string][0], t)
            power = float(hits[string][1][index]) if index >= 0 else 0.0
            width = amplitude * power * np.exp(-past / decay)
            beat = np.cos(2 * np.pi * flicker_hz * past)
            # Too fast for cameras: a blurred envelope with a few phases.
            swept = np.concatenate([width * bulge, -width * bulge[::-1]])
            belly = np.stack([np.concatenate([along, along[::-1]]), y + swept], axis=1)
            pen.polygon(belly, blend(wood, wire, 0.5))
            pen.line(np.stack([along, y + width * beat * bulge], axis=1), wire, 0.02)
        place = gap * (float(np.interp(t, path_times, path_places)) - span / 2)
        hand = pen.to(0.4 + 0.04 * idle.at(t), place, 0.1 * idle.at(t))
        hand.polygon(_HAND, skin)

    return Performance(paint, sounds.mastered(rng, track), spot.focus_px, 1.4 * spot.scale)


def _note_levels(
    rng: np.random.Generator, stage: Stage, gap_s: float, attack_s: float, decay_s: float
) -> sounds.Curve:
    """Level of a part: notes with an attack and a decay."""
    times = sounds.curve_times(stage)
    values = np.zeros(len(times))
    for start in sounds.event_times(rng, stage, gap_s, 0.1):
        first = int(np.searchsorted(times, start))
        past = times[first:] - start
        note = np.minimum((past + 5e-4) / attack_s, 1) * np.exp(-past / decay_s)
        values[first:] = np.maximum(values[first:], rng.uniform(0.3, 1) * note)
    return sounds.Curve(values)


def _draw_bars(pen: Pen, levels: Sequence[float], n_steps: int, low: Colour, high: Colour) -> None:
    for index, level in enumerate(levels):
        top = float(np.ceil(level * n_steps)) / n_steps if n_steps else level
        x = -1.1 + 2.2 * (index + 0.5) / len(levels)
        pen.box(x, 1 - top, 0.8 / len(levels), max(top, 0.01), blend(low, high, level))


def _pulse(rng: np.random.Generator, stage: Stage) -> Performance:
    look = str(rng.choice(["cone", "meter", "equaliser", "shape"]))
    n_parts = {"cone": 1, "meter": 1, "equaliser": int(rng.integers(3, 8)), "shape": 2}[look]
    attack, decay = float(rng.uniform(0.003, 0.04)), float(np.exp(rng.uniform(-2.6, -0.9)))
    gap = float(rng.uniform(0.3, 0.6)) * (1 + 0.4 * (n_parts - 1))
    parts = [_note_levels(rng, stage, gap, attack, decay) for _ in range(n_parts)]
    lowest = log_uniform(rng, 50, 400)
    track = np.zeros(stage.n_samples)
    for index, part in enumerate(parts):
        pitch = lowest * 1.9**index * float(rng.uniform(0.9, 1.1))
        if rng.random() < 0.3:
            sound = 0.7 * sounds.band_noise(rng, stage.n_samples, pitch, 3 * pitch)
        else:
            sound = sounds.wave(
                pitch, stage.duration_s, float(rng.uniform(0.7, 2)), int(rng.integers(1, 7))
            )
        track += part.samples(stage) * sound[: stage.n_samples]
    spot = cast(rng, stage, 1.2, 1.2, 0.05)
    frame, face, light, mark = palette(rng, 4)
    bend, swing = float(rng.uniform(0.5, 1.0)), float(rng.uniform(0.12, 0.5))
    corners, sway = int(rng.integers(3, 9)), sounds.wander(rng, stage, 0.9)
    n_steps = int(rng.choice([0, 8, 12]))

    def paint(canvas: Canvas, t: float) -> None:
        pen = Pen(canvas, spot.x, spot.y, spot.scale)
        levels = [part.at(t) ** bend for part in parts]
        if look == "cone":
            pen.box(0, 0, 1.2, 1.2, frame)
            pen.ellipse(0, 0, 1, 1, shade(face, 0.6))
            pen.ellipse(0, 0, 0.8 + 0.2 * swing * levels[0], 0.8 + 0.2 * swing * levels[0], face)
            cap = 0.3 * (1 + swing * levels[0])
            pen.ellipse(0, 0, cap, cap, shade(light, 0.7 + 0.5 * levels[0]))
        elif look == "meter":
            pen.box(0, 0, 1.2, 0.8, face)
            turn = -0.9 + 1.8 * levels[0]
            pen.line(
                np.array([[0, 0.7], [1.25 * np.sin(turn), 0.7 - 1.25 * np.cos(turn)]]), mark, 0.05
            )
            pen.ellipse(0, 0.7, 0.12, 0.1, frame)
        elif look == "equaliser":
            pen.box(0, 0, 1.2, 1.1, frame)
            _draw_bars(pen, levels, n_steps, light, mark)
        else:
            turn = np.linspace(0, 2 * np.pi, corners + 1) + sway.at(t)
            size = 0.35 + 0.65 * levels[0]
            outline = np.stack([np.cos(turn), np.sin(turn)], axis=1)
            pen.polygon(outline * size, blend(face, light, levels[1]))
            pen.line(outline * min(1.1, size + 0.1 + 0.3 * levels[1]), mark, 0.06)

    return Performance(paint, sounds.mastered(rng, track), spot.focus_px, 1.8 * spot.scale)


def _key_tone(rng: np.random.Generator, kind: int, pitch_hz: float, hold_s: float) -> sounds.Floats:
    if kind == 0:
        modes = [(pitch_hz * k * (1 + 3e-4 * k * k) ** 0.5, 1.2 / k, k**-1.1) for k in range(1, 10)]
        tone = sounds.ring(modes, 1.2) * sounds.fade(1.2, 0.0015, 0.5)
        sounds.mix(
            tone, 0.3 * sounds.band_noise(rng, 900, 200, 4000) * np.linspace(1, 0, 900) ** 2, 0
        )
        return tone
    if kind == 1:
        return sounds.fade(hold_s, 0.006, 0.03) * sounds.wave(pitch_hz, hold_s, 1.1, 10)
    if kind == 2:
        return sounds.ring([(pitch_hz * 2, 0.25, 1.0), (pitch_hz * 7.9, 0.05, 0.4)], 0.8)
    return sounds.fade(0.7, 0.002, 0.4) * sounds.ring(
        [(pitch_hz, 0.5, 1.0), (14 * pitch_hz, 0.1, 0.2)], 0.7
    )


def _chords(rng: np.random.Generator, n_chords: int, n_keys: int) -> list[tuple[int, ...]]:
    """Draw chords of one to three keys for a hand moving along the keyboard."""
    chords = []
    home = int(rng.integers(n_keys))
    for _ in range(n_chords):
        home = int(np.clip(home + rng.integers(-2, 3), 0, n_keys - 1))
        reach = (home, home + 2, home + 4)[: int(rng.choice([1, 1, 2, 3]))]
        chords.append(tuple(key for key in reach if key < n_keys))
    return chords


def _pressed(
    times: sounds.Floats, holds: sounds.Floats, down_s: float, t: float
) -> tuple[int, float, float]:
    """Current chord, depth of its keys, and height of the hand."""
    index, past, future = sounds.since(times, t)
    if future < down_s and index + 1 < len(times):
        # The finger falls with acceleration and presses the key in the last part of the fall.
        fall = (1 - future / down_s) ** 2
        return index + 1, max(0.0, (fall - 0.4) / 0.6), 1 - fall
    if index < 0:
        return 0, 0.0, 1.0
    lifted = min(max((past - float(holds[index])) / 0.08, 0.0), 1.0)
    return index, 1 - lifted, lifted


def _piano(rng: np.random.Generator, stage: Stage) -> Performance:
    times = sounds.event_times(rng, stage, 0.5, 0.2)
    n_keys, kind = int(rng.integers(5, 15)), int(rng.integers(4))
    strengths = np.exp(rng.uniform(np.log(0.25), 0, len(times)))
    gaps = np.diff(times, append=times[-1] + 1)
    down_s, depth = float(rng.uniform(0.05, 0.11)), float(rng.uniform(0.12, 0.3))
    # A finger must rise before the next fall.
    holds = np.maximum(np.minimum(gaps - down_s - 0.08, rng.uniform(0.1, 0.7, len(times))), 0.03)
    lowest = 110 * 2 ** float(rng.uniform(0, 2))
    scale = np.cumsum(rng.choice([1, 2, 2], n_keys))
    chords = _chords(rng, len(times), n_keys)
    track = np.zeros(stage.n_samples)
    for chord, time, strength, hold in zip(chords, times, strengths, holds, strict=True):
        for key in chord:
            pitch = lowest * 2 ** (float(scale[key]) / 12)
            sounds.mix(track, _key_tone(rng, kind, pitch, float(hold)), time, strength)
    spot = cast(rng, stage, 1.6, 1.0, 0.12)
    ivory, ebony, skin, case = palette(rng, 4)
    ivory, width = blend(ivory, (245, 245, 240), float(rng.uniform(0, 1))), 3.0 / n_keys
    idle = sounds.wander(rng, stage, 0.7)

    def paint(canvas: Canvas, t: float) -> None:
        pen = Pen(canvas, spot.x, spot.y, spot.scale)
        index, down, lift = _pressed(times, holds, down_s, t)
        pen.box(0, -0.2, 1.58, 0.72, case)
        for key in range(n_keys):
            sunk = down if key in chords[index] else 0.0
            x = -1.5 + width * (key + 0.5)
            pen.box(
                x, 0 + 0.35 * depth * sunk, 0.46 * width, 0.5, shade(ivory, 1 - 0.4 * depth * sunk)
            )
            if key % 7 not in (2, 6):
                pen.box(x + width / 2, -0.25, 0.26 * width, 0.27, shade(ebony, 0.3))
        raised = 0.15 + 0.5 * float(strengths[index])
        middle = -1.5 + width * (float(np.mean(chords[index])) + 0.5)
        for key in chords[index]:
            x, tip = -1.5 + width * (key + 0.5), 0.3 + 0.35 * depth * down - raised * lift * 0.5
            knuckle = (middle + 0.6 * (x - middle), tip + 0.35)
            pen.line(
                np.array([[x + 0.02 * idle.at(t), tip], knuckle]), skin, 0.8 * min(width, 0.25)
            )
        hand = 0.75 + 0.35 * depth * down - 0.5 * raised * lift
        pen.ellipse(middle + 0.03 * idle.at(t), hand, 0.32, 0.2, skin)

    return Performance(paint, sounds.mastered(rng, track), spot.focus_px, 3 * spot.scale)


def _shakes(rng: np.random.Generator, stage: Stage) -> tuple[sounds.Curve, sounds.Floats]:
    """Draw the position of a shaken thing, and the force on its filling (1 kHz, 0 to 1)."""
    times = sounds.curve_times(stage)
    place = np.zeros(len(times))
    throw = np.zeros(len(times))
    turns = sounds.event_times(rng, stage, 0.19, 0.11)
    side, level = 1.0, 0.0
    for start, end in pairwise(turns):
        first, last = np.searchsorted(times, (start, end))
        new = 0.0 if end - start > 0.5 else side * float(rng.uniform(0.35, 1))
        move = min(end - start, 0.35)
        x = np.clip((times[first:last] - (end - move)) / move, 0, 1)
        place[first:last] = level + (new - level) * x**2 * (3 - 2 * x)
        if new != 0:
            # Beads hit the wall at the moment the hand reverses.
            power = (abs(new - level) / (move / 0.15)) ** 1.5
            past = np.maximum(times[last : last + 120] - end, 0)
            throw[last : last + 120] += power * np.exp(-past / 0.02)
        side, level = -side, new
    return sounds.Curve(place), throw


def _rattle(rng: np.random.Generator, stage: Stage) -> Performance:
    place, throw = _shakes(rng, stage)
    is_tambourine = rng.random() < 0.5
    low = float(rng.uniform(1500, 5000))
    noise = sounds.band_noise(rng, stage.n_samples, low, low * float(rng.uniform(1.6, 3)))
    if is_tambourine:
        t = sounds.seconds(stage.duration_s)[: stage.n_samples]
        for _ in range(4):
            noise[: len(t)] += 0.6 * np.sin(2 * np.pi * rng.uniform(4000, 11_000) * t)
    track = noise * sounds.Curve(throw).samples(stage)
    spot = cast(rng, stage, 1.4, 1.3, 0.06)
    shell, band, skin, metal = palette(rng, 4)
    reach, tilt = float(rng.uniform(0.2, 0.5)), float(rng.uniform(-1, 1))
    drift = sounds.wander(rng, stage, 0.7)

    def paint(canvas: Canvas, t: float) -> None:
        shift = reach * place.at(t)
        pen = Pen(canvas, spot.x, spot.y, spot.scale, 0.4 * tilt)
        held = pen.to(shift, 0.06 * drift.at(t), 0.7 * shift + 0.1 * drift.at(t))
        if is_tambourine:
            held.ellipse(0, -0.2, 0.75, 0.75, shell, 0.16)
            for turn in np.linspace(0, 2 * np.pi, 6)[:-1] + 0.3:
                held.ellipse(0.75 * np.cos(turn), 0.75 * np.sin(turn) - 0.2, 0.14, 0.1, metal)
        else:
            held.line(np.array([[0, 0.0], [0, 0.95]]), band, 0.14)
            held.ellipse(0, -0.4, 0.42, 0.58, shell)
            held.line(np.array([[-0.38, -0.35], [0, -0.25], [0.38, -0.35]]), band, 0.1)
        held.ellipse(0, 0.75, 0.26, 0.2, skin)
        held.line(np.array([[0, 0.8], [0.5, 1.3]]), skin, 0.25)

    return Performance(paint, sounds.mastered(rng, track), spot.focus_px, 1.6 * spot.scale)


SCENES: tuple[Scene, ...] = (
    Scene("pulse", _pulse),
    Scene("piano", _piano, 1.2),
    Scene("plucked strings", _plucked_strings),
    Scene("rattle", _rattle, use=Use.HELD_OUT),
)
