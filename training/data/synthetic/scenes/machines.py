"""Machines with parts moving to and fro or in steps."""

from itertools import pairwise

import numpy as np

from training.data.synthetic.chance import log_uniform
from training.data.synthetic.performance import Canvas, Performance, Stage
from training.data.synthetic.scenes import sounds
from training.data.synthetic.scenes.drawing import Colour, Pen, cast, palette, shade


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


def perform_engine(rng: np.random.Generator, stage: Stage) -> Performance:
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


def perform_printer(rng: np.random.Generator, stage: Stage) -> Performance:
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
