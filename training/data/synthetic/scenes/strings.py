"""Strings, strummed or picked by a hand."""

import numpy as np

from training.data.synthetic.performance import Canvas, Performance, Stage
from training.data.synthetic.scenes import sounds
from training.data.synthetic.scenes.drawing import Pen, blend, cast, palette, shade

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


def perform_plucked_strings(rng: np.random.Generator, stage: Stage) -> Performance:
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
