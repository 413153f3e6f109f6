"""Signals: flashes with beeps, blinkers, fireworks; balloon pops are for calibration only."""

import cv2
import numpy as np

from training.data.synthetic.chance import log_uniform
from training.data.synthetic.performance import Canvas, Performance, Scene, Stage, Use
from training.data.synthetic.scenes import sounds
from training.data.synthetic.scenes.drawing import Colour, Pen, blend, cast, glow, palette, shade


def _beep(rng: np.random.Generator, pitch_hz: float, length_s: float, timbre: int) -> sounds.Floats:
    attack = 0.002 if length_s < 0.02 else float(rng.uniform(0.0005, 0.003))
    level = sounds.fade(length_s, attack, min(0.3 * length_s, 0.01))
    t = sounds.seconds(length_s)
    if timbre == 0:
        return level * np.sin(2 * np.pi * pitch_hz * t)
    if timbre == 1:
        return level * 0.5 * np.sign(np.sin(2 * np.pi * pitch_hz * t))
    if timbre == 2:
        return level * sounds.wave(pitch_hz * (1 + 0.6 * t / length_s), length_s, 1.0, 8)
    if timbre == 3:
        return (
            level
            * 0.6
            * (np.sin(2 * np.pi * pitch_hz * t) + sounds.wave(pitch_hz * 1.26, length_s, 1, 3))
        )
    return level * sounds.ring(
        [(pitch_hz, length_s / 3, 1.0), (2.76 * pitch_hz, length_s / 6, 0.5)], length_s
    )


def _draw_counter(
    pen: Pen, face: Colour, ink: Colour, mark: Colour, phase: float, digit: int
) -> None:
    pen.ellipse(0, 0, 1.2, 1.2, face)
    turn = 2 * np.pi * phase
    pen.line(np.array([[0, 0], [1.15 * np.sin(turn), -1.15 * np.cos(turn)]]), mark, 0.06)
    pen.ellipse(0, 0, 0.9, 0.9, mark, 0.06)
    corner = (round(pen.x - 0.45 * pen.scale), round(pen.y + 0.45 * pen.scale))
    thickness = max(1, round(pen.scale / 8))
    cv2.putText(pen.canvas, str(digit), corner, 0, pen.scale / 22, ink, thickness, cv2.LINE_AA)


def _flash_and_beep(rng: np.random.Generator, stage: Stage) -> Performance:
    look = str(rng.choice(["lamp", "screen", "bar", "counter"], p=[0.35, 0.2, 0.25, 0.2]))
    times = sounds.event_times(rng, stage, 0.8, 0.3)
    lengths = rng.uniform(0.03, 0.25) * np.exp(rng.uniform(-0.3, 0.3, len(times)))
    track = np.zeros(stage.n_samples)
    pitch, timbre = log_uniform(rng, 250, 4000), int(rng.integers(5))
    leaps = rng.choice([1.0, 1.0, 1.5, 2.0, 0.75], len(times)) if rng.random() < 0.4 else None
    levels = rng.uniform(0.4, 1.0, len(times))
    for index, (time, length) in enumerate(zip(times, lengths, strict=True)):
        hertz = pitch * (float(leaps[index]) if leaps is not None else 1.0)
        sounds.mix(track, _beep(rng, hertz, float(length), timbre), time, levels[index])
    spot = cast(rng, stage, 1.3, 1.3, 0.04)
    frame, off, on, mark = palette(rng, 4)
    on = blend(on, (255, 255, 255), float(rng.uniform(0, 0.9)))
    opacity, round_lamp = float(rng.uniform(0.35, 1.0)), rng.random() < 0.6
    halo, fading = float(rng.choice([0.0, 0.4, 0.8])), float(rng.choice([0.001, 0.02, 0.05]))

    def paint(canvas: Canvas, t: float) -> None:
        index, past, future = sounds.since(times, t)
        length = float(lengths[index]) if index >= 0 else 0.0
        lit = float(np.exp(min(0.0, length - past) / fading))
        lit *= 0.4 + 0.6 * float(levels[index])
        phase = past / (past + future)
        pen = Pen(canvas, spot.x, spot.y, spot.scale)
        if look == "screen":
            if lit > 0.02:
                full = np.full_like(canvas, on)
                cv2.addWeighted(full, opacity * lit, canvas, 1 - opacity * lit, 0, dst=canvas)
        elif look == "lamp":
            shape = pen.ellipse if round_lamp else pen.box
            shape(0, 0, 1.15, 1.15, frame)
            shape(0, 0, 1, 1, blend(shade(off, 0.5), on, lit))
            glow(canvas, spot.x, spot.y, 2.2 * spot.scale, on, halo * lit)
        elif look == "bar":
            pen.box(0, 0, 1.3, 0.35, frame)
            pen.box(0, 0, 0.12, 0.35, blend(off, on, lit))
            # The marker crosses the middle at every beep and reverses in between.
            pen.box(1.2 * np.sin(2 * np.pi * phase), 0, 0.05, 0.5, mark)
        else:
            _draw_counter(pen, blend(frame, on, 0.7 * lit), off, mark, phase, (1000 - index) % 10)

    if look == "screen":
        middle = (stage.width_px / 2, stage.height_px / 2)
        return Performance(paint, sounds.mastered(rng, track), middle, 0.6 * stage.short_px)
    return Performance(paint, sounds.mastered(rng, track), spot.focus_px, 2.3 * spot.scale)


def _blinker(rng: np.random.Generator, stage: Stage) -> Performance:
    look = str(rng.choice(["round", "arrow", "pair"]))
    times = sounds.event_times(rng, stage, 0.45, 0.15)
    low, high = np.exp(rng.uniform(np.log((300, 1800)), np.log((1500, 7000))))
    decay, release_level = float(rng.uniform(0.002, 0.012)), float(rng.uniform(0.4, 1.0))
    has_bell = look == "pair" and rng.random() < 0.6
    track = np.zeros(stage.n_samples)
    for index, time in enumerate(times):
        factor = (1.0, 1.25)[index % 2]
        tick = sounds.click(rng, low * factor, high * factor, decay, 0.6)
        sounds.mix(track, tick, time, (1.0, release_level)[index % 2] * float(rng.uniform(0.7, 1)))
        # Relay contacts bounce.
        sounds.mix(track, tick, time + float(rng.uniform(0.003, 0.008)), 0.25)
        if has_bell:
            sounds.mix(
                track, sounds.ring([(low * 2, 0.15, 0.5), (low * 5.4, 0.08, 0.4)], 0.5), time
            )
    spot = cast(rng, stage, 1.6, 1.2, 0.04)
    housing, off, on = palette(rng, 3)
    on = blend(on, (255, int(rng.uniform(60, 200)), 0), float(rng.uniform(0.2, 1)))
    warm_s, cool_s = float(rng.choice([0.001, 0.01, 0.03])), float(rng.choice([0.001, 0.02, 0.04]))
    flip, halo = float(rng.choice([-1, 1])), float(rng.choice([0, 0.5]))
    arrow = np.array([[-1, -0.4], [0, -0.4], [0, -1], [1.2, 0], [0, 1], [0, 0.4], [-1, 0.4]])

    def paint(canvas: Canvas, t: float) -> None:
        index, past, _ = sounds.since(times, t)
        is_on = index % 2 == 0
        lit = 1 - np.exp(-(past + 0.002) / warm_s) if is_on else np.exp(-past / cool_s)
        glass = blend(shade(off, 0.6), on, float(lit))
        pen = Pen(canvas, spot.x, spot.y, spot.scale, 0, flip)
        pen.box(0, 0, 1.6, 1.2, housing)
        if look == "round":
            pen.ellipse(0, 0, 1, 1, glass)
        elif look == "arrow":
            pen.polygon(arrow, glass)
        else:
            pen.ellipse(-0.8, 0, 0.65, 0.65, glass)
            pen.ellipse(0.8, 0, 0.65, 0.65, blend(on, shade(off, 0.6), float(lit)))
        glow(canvas, spot.x, spot.y, 2 * spot.scale, on, halo * float(lit) * (look != "pair"))

    return Performance(paint, sounds.mastered(rng, track), spot.focus_px, 2 * spot.scale)


def _bang(rng: np.random.Generator, strength: float, crackles: bool) -> sounds.Floats:
    t = sounds.seconds(1.6)
    body = sounds.band_noise(rng, len(t), 25, rng.uniform(150, 900)) * np.exp(
        -t / (0.1 + 0.25 * strength)
    )
    crack = sounds.band_noise(rng, len(t), 400, 6000) * np.exp(-t / rng.uniform(0.008, 0.04))
    out = 0.5 * body + rng.uniform(0.4, 1.2) * crack
    out += sounds.ring([(rng.uniform(45, 110), 0.15, 0.8)], 1.6)
    if crackles:
        for delay in rng.uniform(0.15, 1.2, 25):
            sounds.mix(out, sounds.click(rng, 1500, 9000, 0.003, 0.1), delay, 0.25)
    return out


def _whistle(rng: np.random.Generator, length_s: float) -> sounds.Floats:
    t = sounds.seconds(length_s)
    pitch = rng.uniform(900, 2600) * (1 + rng.uniform(-0.3, 0.6) * t / length_s)
    return sounds.fade(length_s, 0.05, 0.3 * length_s) * sounds.wave(pitch, length_s, 2, 2)


def _fireworks(rng: np.random.Generator, stage: Stage) -> Performance:
    times = sounds.event_times(rng, stage, 1.0, 0.25)
    n = len(times)
    strength = np.exp(rng.uniform(np.log(0.3), 0, n))
    climb = rng.uniform(0.5, 1.1, n)
    spot = cast(rng, stage, 1.2, 1.2, 0.15)
    centres = np.stack([rng.uniform(-0.5, 0.5, n), rng.uniform(-0.5, 0.3, n)], axis=1)
    n_sparks, darkness = int(rng.integers(14, 36)), float(rng.uniform(0.1, 1))
    turns = rng.uniform(0, 2 * np.pi, (n, n_sparks))
    speeds = np.sqrt(rng.uniform(0.15, 1, (n, n_sparks)))
    lights = np.clip(rng.uniform(60, 320, (n, 3)), 0, 255)
    life, whistles, crackles = float(rng.uniform(0.6, 1.4)), rng.random() < 0.4, rng.random() < 0.3
    track = np.zeros(stage.n_samples)
    for time, power, rise in zip(times, strength, climb, strict=True):
        sounds.mix(track, _bang(rng, power, crackles), time, power)
        if whistles and rng.random() < 0.7:
            sounds.mix(track, _whistle(rng, rise), time - rise, 0.12 * power)

    def paint(canvas: Canvas, t: float) -> None:
        cv2.convertScaleAbs(canvas, dst=canvas, alpha=darkness)
        pen = Pen(canvas, spot.x, spot.y, spot.scale)
        for index in np.flatnonzero((times > t - life) & (times - climb < t)):
            past, light = t - float(times[index]), tuple(lights[index])
            (x, y), power = centres[index], float(strength[index])
            if past < 0:
                height = (past / climb[index]) ** 2
                tail = y + np.array([0.0, 0.12]) + (1.2 - y) * height
                pen.line(np.stack([np.full(2, x), tail], axis=1), (255, 220, 160), 0.02)
                continue
            reach = 0.7 * power * (1 - np.exp(-(past + 0.02) / 0.18))
            fallen = 0.25 * past**2
            glow_level = float(np.exp(-past / 0.12))
            at = pen.pixels(np.array([[x, y]]))[0]
            glow(canvas, at[0], at[1], 1.3 * power * spot.scale, shade(light, 1.2), glow_level)
            spark = blend(shade(light, 0.05), light, (1 - past / life) ** 0.6)
            way = np.stack([np.cos(turns[index]), np.sin(turns[index])], axis=1)
            outer = reach * way * speeds[index, :, None] + (x, y + fallen)
            inner = 0.82 * reach * way * speeds[index, :, None] + (x, y + 0.8 * fallen)
            for ends in np.stack([inner, outer], axis=1):
                pen.line(ends, spark, 0.02)

    return Performance(paint, sounds.mastered(rng, track), spot.focus_px, 1.6 * spot.scale)


def _pop(rng: np.random.Generator) -> sounds.Floats:
    t = sounds.seconds(0.25)
    blast = np.exp(-t / 0.0012) * np.cos(2 * np.pi * rng.uniform(250, 700) * t)
    hiss = sounds.band_noise(rng, len(t), rng.uniform(200, 900), rng.uniform(3000, 12_000))
    return blast + 0.35 * hiss * np.exp(-t / rng.uniform(0.006, 0.04))


def _balloon_pops(rng: np.random.Generator, stage: Stage) -> Performance:
    times = sounds.event_times(rng, stage, 0.9, 0.35)
    n_places = int(rng.integers(1, 6))
    places = np.empty(len(times), np.intp)
    for index in range(len(times)):
        # A balloon is visible for a while before it pops.
        ready = [
            p for p in range(n_places) if p not in places[max(0, index - n_places + 1) : index]
        ]
        places[index] = rng.choice(ready)
    sizes = rng.uniform(0.55, 1.0, len(times))
    track = np.zeros(stage.n_samples)
    pop = _pop(rng)
    for time, size in zip(times, sizes, strict=True):
        sounds.mix(track, pop, time, size**2)
    spot = cast(rng, stage, max(1.0, 0.6 * n_places), 1.3, 0.12)
    skins, sway = palette(rng, n_places), sounds.wander(rng, stage, 0.8)
    shards = rng.uniform(-1, 1, (9, 2))
    inflate_s, needle = float(rng.uniform(0.3, 0.7)), rng.random() < 0.6

    def balloon(pen: Pen, place: int, t: float) -> None:
        mine = times[places == place]
        size = sizes[places == place]
        index, past, future = sounds.since(mine, t)
        x = 1.2 * (place - (n_places - 1) / 2) + 0.05 * sway.at(t + 0.37 * place)
        skin = skins[place]
        if past < 0.35:
            spread, left = 0.35 + 1.1 * (1 - np.exp(-past / 0.06)), (1 - past / 0.35) ** 0.5
            for shard in shards:
                at = shard * spread * size[index]
                pen.box(x + at[0], at[1] + 6 * past**2, 0.08 * left, 0.06 * left, skin)
        grown = min(1.0, (past - 0.2) / inflate_s)
        if grown > 0 and index + 1 < len(mine):
            radius = 0.55 * float(size[index + 1]) * grown**0.5
            pen.line(np.array([[x, radius * 1.2], [x + 0.04, 1.3]]), shade(skin, 0.5), 0.02)
            pen.ellipse(x, 0, radius, 1.2 * radius, skin)
            pen.ellipse(
                x - 0.3 * radius, -0.5 * radius, 0.18 * radius, 0.25 * radius, shade(skin, 1.6)
            )
            if needle and future < 0.5:
                tip = -1.2 * radius - 3 * future**2
                pen.line(np.array([[x, tip], [x + 0.1, tip - 0.5]]), (40, 40, 50), 0.04)

    def paint(canvas: Canvas, t: float) -> None:
        for place in range(n_places):
            balloon(Pen(canvas, spot.x, spot.y, spot.scale), place, t)

    return Performance(
        paint, sounds.mastered(rng, track), spot.focus_px, 1.2 * n_places * spot.scale
    )


SCENES: tuple[Scene, ...] = (
    Scene("flash and beep", _flash_and_beep),
    Scene("blinker", _blinker, 0.7),
    Scene("fireworks", _fireworks),
    Scene("balloon pops", _balloon_pops, use=Use.CALIBRATION),
)
