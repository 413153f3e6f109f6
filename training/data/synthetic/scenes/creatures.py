"""Barking, chirping, jumping and babbling creatures; the croaking frog is for calibration only.

A mouth starts to open up to 80 ms before the voice, as in nature, and closes with the voice.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.data.synthetic.chance import log_uniform
from training.data.synthetic.performance import Canvas, Performance, Scene, Stage, Use
from training.data.synthetic.scenes import sounds
from training.data.synthetic.scenes.drawing import Colour, Pen, cast, palette, shade

_Span = tuple[float, float, float]
"""Start (s), length (s) and strength of an opening of a mouth."""


def _bouts(
    rng: np.random.Generator, starts: sounds.Floats, most: int, gap_s: float
) -> list[tuple[float, float]]:
    """Draw (time, strength) of calls: 1 to `most` calls from every start on."""
    calls: list[tuple[float, float]] = []
    for index, start in enumerate(starts):
        end = starts[index + 1] if index + 1 < len(starts) else np.inf
        time, strength = float(start), log_uniform(rng, 0.35, 1)
        for _ in range(int(rng.integers(1, most + 1))):
            if time > end - gap_s:
                break
            calls.append((time, strength * float(rng.uniform(0.8, 1))))
            time += gap_s * float(np.exp(rng.uniform(-0.35, 0.5)))
    return calls


def _jerks(stage: Stage, spans: list[_Span], period_s: float) -> sounds.Curve:
    """Swing of a body: a decaying jerk of about 1 at every start."""
    times = sounds.curve_times(stage)
    values = np.zeros(len(times))
    for start, _, strength in spans:
        first = int(np.searchsorted(times, start))
        past = times[first : first + int(4000 * period_s)] - start
        swing = 1.6 * np.exp(-past / (0.5 * period_s)) * np.sin(2 * np.pi * past / period_s)
        values[first : first + len(past)] += strength * swing
    return sounds.Curve(values)


def _swing(past_s: float, period_s: float) -> float:
    """Decaying swing with a peak of about 1."""
    if not 0 <= past_s < 4 * period_s:
        return 0.0
    return float(1.6 * np.exp(-past_s / (0.5 * period_s)) * np.sin(2 * np.pi * past_s / period_s))


def _boing(rng: np.random.Generator, strength: float) -> sounds.Floats:
    t = sounds.seconds(0.45)
    spring = 1 + 0.35 * np.exp(-t / 0.2) * np.sin(2 * np.pi * rng.uniform(12, 22) * t)
    pitch = rng.uniform(140, 420) * (1 + 1.2 * strength * t) * spring
    return np.exp(-t / 0.14) * sounds.fade(0.45, 0.003, 0.1) * sounds.wave(pitch, 0.45, 1.1, 8)


def _babble(
    rng: np.random.Generator, start: float, end: float, pitch_hz: float, track: sounds.Floats
) -> list[_Span]:
    """Add babbled syllables to the track; returns the times and sizes of the mouth openings."""
    spans: list[_Span] = []
    time, lead = start, float(rng.uniform(0.0, 0.06))
    while time < end:
        length, loud = float(rng.uniform(0.07, 0.22)), float(rng.uniform(0.35, 1))
        x = sounds.seconds(length) / length
        source = sounds.wave(pitch_hz * (1 + rng.uniform(-0.4, 0.4) * x), length, 0.6, 24)
        source += 0.15 * sounds.band_noise(rng, len(x), 500, 9000)
        vowel = (rng.uniform(350, 1100), rng.uniform(1100, 3000), 3800.0)
        sounds.mix(
            track,
            sounds.fade(length, 0.015, 0.4 * length) * sounds.formants(source, vowel),
            time,
            0.7 * loud,
        )
        spans.append((time - lead, lead + 1.05 * length, loud))
        time += length + float(rng.choice([0.03, 0.06, 0.25], p=[0.5, 0.35, 0.15]))
    return spans


@dataclass(frozen=True, slots=True, eq=False)
class _Jumps:
    """Times, heights and durations of jumps."""

    acts: sounds.Floats
    heights: sounds.Floats
    flights: sounds.Floats
    is_jump: NDArray[np.bool_]
    crouch_s: float

    def posture(self, t: float) -> tuple[float, float]:
        """Height above the ground, and stretch (below 0: squash)."""
        index, past, future = sounds.since(self.acts, t)
        stretch = 0.02 * float(np.sin(2.4 * t))
        if index >= 0 and self.is_jump[index]:
            flight, height = float(self.flights[index]), float(self.heights[index])
            if past < flight:
                x = past / flight
                return 5.6 * height * x * (1 - x), 0.3 * abs(1 - 2 * x) ** 1.5
            stretch -= 0.4 * height * _swing(past - flight, 0.3)
        if index + 1 < len(self.acts) and self.is_jump[index + 1] and future < self.crouch_s:
            # The creature squashes, then pushes off and leaves the ground stretched.
            x = 1 - future / self.crouch_s
            push = max(0.0, (x - 0.8) / 0.2) ** 2
            stretch += 0.3 * push - 0.3 * float(np.sin(np.pi * min(x / 0.8, 1)))
        return 0.0, stretch


def _draw_limbs(pen: Pen, limbs: Colour, wide: float, tall: float, raised: float) -> None:
    for side in (-1, 1):
        pen.ellipse(side * 0.4 * wide, 0.0, 0.22, 0.1, limbs)
        hand = [side * (wide + 0.25), -0.9 - 0.5 * raised]
        pen.line(np.array([[side * wide * 0.9, -tall], hand]), limbs, 0.13)


def _draw_eyes(
    pen: Pen, places: sounds.Floats, y: float, pupil: Colour, aside: float, wide_open: float
) -> None:
    for x in places:
        pen.ellipse(x, y, 0.2, 0.22 * wide_open, (245, 245, 240))
        pen.ellipse(x + 0.09 * aside, y, 0.09, 0.1 * wide_open, shade(pupil, 0.4))


def _cartoon_creature(rng: np.random.Generator, stage: Stage) -> Performance:
    """A creature jumps with a boing and a thump, or babbles."""
    acts = sounds.event_times(rng, stage, 1.1, 0.75)
    heights, ends = rng.uniform(0.3, 1.0, len(acts)), np.append(acts[1:], acts[-1] + 1.2)
    talkative = float(rng.uniform(0.1, 0.7))
    is_jump = rng.random(len(acts)) > talkative
    flights = np.where(is_jump, 0.5 * np.sqrt(heights), 0.0)
    landings = acts + flights
    pitch = log_uniform(rng, 180, 650)
    thump = sounds.click(rng, float(rng.uniform(50, 120)), float(rng.uniform(400, 2500)), 0.03)
    track, spans = np.zeros(stage.n_samples), list[_Span]()
    for act, end, landing, height, jumps_now in zip(
        acts, ends, landings, heights, is_jump, strict=True
    ):
        if jumps_now:
            sounds.mix(track, _boing(rng, height), act, 0.25 + 0.4 * height)
            sounds.mix(track, thump, landing, 0.4 + 0.8 * height)
        elif rng.random() < 0.85:
            spans += _babble(rng, act, end - 0.3, pitch, track)
    mouth, look, lean = (
        sounds.openings(stage, spans),
        sounds.wander(rng, stage, 0.5),
        sounds.wander(rng, stage, 0.8),
    )
    blinks = sounds.openings(stage, [(t, 0.14, 1.0) for t in sounds.event_times(rng, stage, 1.2)])
    spot = cast(rng, stage, 1.2, 1.9, 0.08)
    skin, limbs, lips, pupil = palette(rng, 4)
    n_eyes, width = int(rng.integers(1, 4)), float(rng.uniform(0.6, 1))
    turn = np.linspace(0, 2 * np.pi, 36, endpoint=False)
    around = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    outline = np.sign(around) * np.abs(around) ** float(rng.uniform(0.5, 1))
    jumps = _Jumps(acts, heights, flights, is_jump, float(rng.uniform(0.12, 0.3)))

    def paint(canvas: Canvas, t: float) -> None:
        height, stretch = jumps.posture(t)
        opening, aside = mouth.at(t), look.at(t)
        stretch += 0.05 * opening
        tall, wide = 0.8 * (1 + stretch), 0.9 * width / (1 + stretch)
        ground = Pen(canvas, spot.x, spot.y + 1.8 * spot.scale, spot.scale)
        ground.ellipse(0, 0.03, 0.8 - 0.2 * height, 0.08, (40, 40, 40))
        pen = ground.to(0.1 * lean.at(t), -0.1 - height, 0.06 * lean.at(t))
        _draw_limbs(pen, limbs, wide, tall, np.clip(stretch, -0.3, 1) + 0.6 * (height > 0))
        pen.polygon(outline * (wide, tall) + (0, -tall), skin)
        eyes = 0.84 * wide * (np.arange(n_eyes) - (n_eyes - 1) / 2) / max(n_eyes - 1, 1)
        _draw_eyes(pen, eyes, -1.35 * tall, pupil, aside, 1 - 0.9 * blinks.at(t))
        lip, gap = (0.3 - 0.08 * opening, 0.06 + 0.3 * opening), 0.01 + 0.27 * opening
        pen.ellipse(0.05 * aside, -0.75 * tall, *lip, lips)
        pen.ellipse(0.05 * aside, -0.75 * tall, 0.8 * lip[0], gap, (30, 10, 15))

    return Performance(paint, sounds.mastered(rng, track), spot.focus_px, 2.4 * spot.scale)


def _bark_sound(
    rng: np.random.Generator, pitch_hz: float, length_s: float, rough: float
) -> sounds.Floats:
    t = sounds.seconds(length_s)
    x = t / length_s
    pitch = pitch_hz * (0.75 + 0.5 * np.sin(np.pi * np.clip(x * 1.2, 0, 1)) - 0.25 * x)
    voice = sounds.wave(pitch * (1 + 0.02 * np.sin(2 * np.pi * 45 * t)), length_s, 0.7, 20)
    breath = sounds.band_noise(rng, len(t), 300, 7000)
    throat = (2.1 * pitch_hz, 3.4 * pitch_hz + 400, 2600 * rng.uniform(0.8, 1.3))
    return sounds.fade(length_s, 0.008, 0.6 * length_s) * sounds.formants(
        voice + rough * breath, throat, 0.35
    )


def _bark(rng: np.random.Generator, stage: Stage) -> Performance:
    """A dog barks in bouts; head and body jerk with each bark."""
    starts = sounds.event_times(rng, stage, 1.1, 0.35)
    size, lead = float(rng.uniform(0, 1)), float(rng.uniform(0, 0.08))
    length = float(rng.uniform(0.08, 0.14) + 0.12 * size)
    calls = _bouts(rng, starts, 4, float(rng.uniform(0.24, 0.4)))
    pitch, rough = float(900 * np.exp(-1.6 * size)), float(rng.uniform(0.2, 1.5))
    track = np.zeros(stage.n_samples)
    spans: list[_Span] = []
    for time, strength in calls:
        lasting = length * float(rng.uniform(0.85, 1.2))
        sounds.mix(
            track, _bark_sound(rng, pitch * (0.85 + 0.3 * strength), lasting, rough), time, strength
        )
        spans.append((time - lead, lead + 1.1 * lasting, strength))
    jaw = sounds.openings(stage, spans, 0.45)
    jerk = _jerks(stage, spans, float(rng.uniform(0.18, 0.3)))
    look, nod, wag = (sounds.wander(rng, stage, period) for period in (0.7, 0.9, 0.15))
    blinks = sounds.openings(stage, [(t, 0.14, 1.0) for t in sounds.event_times(rng, stage, 1.5)])
    pant_hz, pants = float(rng.uniform(3, 5)), 0.12 * float(rng.random() < 0.35)
    spot = cast(rng, stage, 1.9, 1.5, 0.06)
    fur, belly, collar, tongue = palette(rng, 4)
    flip, is_front = float(rng.choice([-1, 1])), rng.random() < 0.35
    snout, ear, leg = (float(rng.uniform(low, 1)) for low in (0.35, 0.3, 0.4))
    floppy, reach = rng.random() < 0.5, float(rng.uniform(0.4, 1))

    def paint(canvas: Canvas, t: float) -> None:
        pen = Pen(canvas, spot.x, spot.y, spot.scale, 0, flip)
        opening = max(jaw.at(t), pants * (1 + np.sin(2 * np.pi * pant_hz * t)))
        kick, shut = jerk.at(t), blinks.at(t)
        if is_front:
            breast = 0.9 + 0.02 * np.sin(2.1 * t)
            pen.ellipse(0, 1.0, breast, 0.5 + 0.05 * kick, shade(fur, 0.85))
            head = pen.to(0.12 * look.at(t), -0.05 - 0.16 * reach * kick, 0.12 * nod.at(t))
            _front_head(head, (fur, belly, tongue), opening, shut, ear, floppy, look.at(t))
            return
        _body(pen, fur, collar, leg, kick * reach, wag.at(t))
        turn = 0.15 * nod.at(t) - 0.3 * reach * kick
        head = pen.to(0.85 + 0.14 * reach * kick, -0.55 - 0.08 * reach * kick, turn)
        _side_head(head, (fur, belly, tongue), opening, shut, snout, ear, floppy)

    return Performance(
        paint,
        sounds.mastered(rng, track),
        (spot.x + 0.8 * flip * spot.scale * (not is_front), spot.y),
        2.4 * spot.scale,
    )


def _body(pen: Pen, fur: Colour, collar: Colour, leg: float, kick: float, wag: float) -> None:
    for x in (-0.85, -0.65, 0.45, 0.62):
        pen.line(
            np.array([[x, 0.5], [x + 0.05 * kick * (x > 0), 0.7 + 0.7 * leg]]),
            shade(fur, 0.75),
            0.2,
        )
    tail = np.array([[-1.0, 0.1], [-1.3, -0.2 + 0.1 * wag], [-1.45, -0.55 + 0.3 * wag]])
    pen.line(tail, fur, 0.14)
    pen.ellipse(-0.15 + 0.08 * kick, 0.3 - 0.04 * kick, 1.0, 0.45, fur)
    pen.line(np.array([[0.55 + 0.08 * kick, 0.2], [0.85 + 0.1 * kick, -0.45]]), fur, 0.45)
    pen.line(np.array([[0.5 + 0.08 * kick, -0.2], [0.92 + 0.08 * kick, 0.0]]), collar, 0.12)


def _side_head(
    pen: Pen,
    colours: tuple[Colour, Colour, Colour],
    opening: float,
    shut: float,
    snout: float,
    ear: float,
    floppy: bool,
) -> None:
    fur, belly, tongue = colours
    tip = 0.45 + 0.5 * snout
    jaw = pen.to(0.15, 0.12, 0.75 * opening)
    mouth = np.array(
        [[0.1, 0.05], [tip, 0.08], [tip * 0.95, 0.1 + 0.65 * opening * tip], [0.1, 0.2]]
    )
    pen.polygon(mouth, (40, 15, 20))
    jaw.polygon(
        np.array([[-0.2, 0.0], [0.9 * tip - 0.15, 0.03], [0.85 * tip - 0.15, 0.14], [-0.2, 0.25]]),
        belly,
    )
    jaw.line(np.array([[0, 0.0], [0.65 * tip, 0.0]]), tongue, 0.07)
    pen.ellipse(0, 0, 0.46, 0.4, fur)
    pen.polygon(np.array([[0.1, -0.25], [tip, -0.1], [tip, 0.1], [0.1, 0.16]]), fur)
    pen.ellipse(tip, -0.07, 0.09, 0.08, (20, 18, 18))
    if floppy:
        pen.ellipse(-0.3, 0.05 - 0.1 * opening, 0.13, 0.2 + 0.25 * ear, shade(fur, 0.65))
    else:
        pen.polygon(
            np.array([[-0.35, -0.2], [-0.3, -0.4 - 0.5 * ear], [0.05, -0.33]]), shade(fur, 0.7)
        )
    pen.ellipse(0.14, -0.13, 0.07, 0.07 * (1 - 0.85 * shut), (15, 15, 15))


def _front_head(
    pen: Pen,
    colours: tuple[Colour, Colour, Colour],
    opening: float,
    shut: float,
    ear: float,
    floppy: bool,
    look: float,
) -> None:
    fur, belly, tongue = colours
    for side in (-1.0, 1.0):
        tip = (side * (1.0 + 0.1 * opening), 0.5 if floppy else -0.6 - 0.5 * ear)
        pen.polygon(np.array([[side * 0.4, -0.55], [side * 0.85, -0.3], tip]), shade(fur, 0.6))
    pen.ellipse(0, 0.5 + 0.35 * opening, 0.4, 0.2 + 0.12 * opening, belly)
    pen.ellipse(0, 0.42 + 0.17 * opening, 0.34, 0.05 + 0.26 * opening, (35, 12, 18))
    pen.ellipse(0, 0.46 + 0.3 * opening, 0.2, 0.03 + 0.1 * opening, tongue)
    pen.ellipse(0, -0.1, 0.85, 0.62, fur)
    pen.ellipse(0.06 * look, 0.3, 0.46, 0.24, belly)
    pen.ellipse(0.1 * look, 0.2, 0.15, 0.1, (18, 16, 16))
    for side in (-0.35, 0.35):
        pen.ellipse(side + 0.06 * look, -0.22, 0.1, 0.11 * (1 - 0.9 * shut), (15, 15, 15))


def _chirp(rng: np.random.Generator, low_hz: float, length_s: float, kind: int) -> sounds.Floats:
    x = sounds.seconds(length_s) / length_s
    bends = (1 + 0.5 * x, 1.5 - 0.6 * x, 1 + 0.6 * np.sin(np.pi * x), 1 + 0.12 * np.sin(40 * x))
    pitch = low_hz * bends[kind] * rng.uniform(0.92, 1.08)
    return sounds.fade(length_s, 0.005, 0.4 * length_s) * sounds.wave(pitch, length_s, 2, 3)


def _bird(rng: np.random.Generator, stage: Stage) -> Performance:
    starts = sounds.event_times(rng, stage, 1.2, 0.4)
    length = log_uniform(rng, 0.05, 0.2)
    calls = _bouts(rng, starts, int(rng.integers(2, 8)), length + float(rng.uniform(0.06, 0.2)))
    low, lead = float(rng.uniform(1400, 4500)), float(rng.uniform(0, 0.06))
    kinds = rng.integers(4, size=2)
    track = np.zeros(stage.n_samples)
    spans: list[_Span] = []
    for time, strength in calls:
        lasting = length * float(rng.uniform(0.8, 1.3))
        sounds.mix(track, _chirp(rng, low, lasting, int(rng.choice(kinds))), time, strength)
        spans.append((time - lead, lead + 1.1 * lasting, 0.4 + 0.6 * strength))
    beak, bob = sounds.openings(stage, spans), _jerks(stage, spans, float(rng.uniform(0.12, 0.25)))
    look, tilt, sway = (sounds.wander(rng, stage, period) for period in (0.35, 0.6, 0.9))
    hops = sounds.openings(stage, [(t, 0.2, 1.0) for t in sounds.event_times(rng, stage, 1.6)], 0.5)
    blinks = sounds.openings(stage, [(t, 0.1, 1.0) for t in sounds.event_times(rng, stage, 1.2)])
    spot = cast(rng, stage, 1.5, 1.3, 0.05)
    plumage, breast, bill, branch = palette(rng, 4)
    flip, beak_length, gape = (
        float(rng.choice([-1, 1])),
        float(rng.uniform(0.25, 0.6)),
        float(rng.uniform(0.4, 0.9)),
    )

    def paint(canvas: Canvas, t: float) -> None:
        pen = Pen(canvas, spot.x, spot.y, spot.scale, 0, flip)
        pen.line(np.array([[-1.5, 1.1], [1.5, 1.0]]), branch, 0.14)
        opening, jump, kick = gape * beak.at(t), 0.2 * hops.at(t), bob.at(t)
        body = pen.to(0.08 * sway.at(t), -jump - 0.05 * kick, -0.12 * kick)
        tail = np.array(
            [[-0.6, 0.3], [-1.4, 0.5 - 0.25 * kick], [-1.3, 0.7 - 0.25 * kick], [-0.5, 0.6]]
        )
        body.polygon(tail, shade(plumage, 0.7))
        for x in (-0.1, 0.15):
            body.line(np.array([[x, 0.7], [x, 1.1 + jump]]), bill, 0.05)
        body.ellipse(0, 0.3, 0.75, 0.5 + 0.03 * kick, plumage)
        body.ellipse(0.2, 0.42, 0.5, 0.34 + 0.05 * beak.at(t), breast)
        body.ellipse(-0.25, 0.25, 0.42, 0.22, shade(plumage, 0.75))
        head = body.to(0.6, -0.35, 0.35 * tilt.at(t) - 0.35 * opening)
        side = 0.12 * look.at(t)
        for way in (-1, 1):
            half = head.to(0.28 + side, 0.02, way * opening * 0.6)
            half.polygon(
                np.array([[0, -0.1], [beak_length, 0.0], [0, 0.1]]), shade(bill, 1 + 0.15 * way)
            )
        head.ellipse(0, 0, 0.38, 0.36, plumage)
        head.ellipse(0.12 + side, -0.08, 0.07, 0.07 * (1 - 0.9 * blinks.at(t)), (10, 10, 10))

    return Performance(paint, sounds.mastered(rng, track), spot.focus_px, 2 * spot.scale)


def _croak(rng: np.random.Generator, stage: Stage) -> Performance:
    starts = sounds.event_times(rng, stage, 1.0, 0.4)
    rate, length = float(rng.uniform(18, 70)), float(rng.uniform(0.15, 0.45))
    calls = _bouts(rng, starts, 3, length + float(rng.uniform(0.12, 0.3)))
    centre, lead = float(rng.uniform(350, 1500)), float(rng.uniform(0, 0.08))
    track, spans = np.zeros(stage.n_samples), list[_Span]()
    for time, strength in calls:
        lasting = length * float(rng.uniform(0.8, 1.2))
        pulses = sounds.wave(rate * (1 + 0.3 * sounds.seconds(lasting) / lasting), lasting, 0.1, 60)
        croak = sounds.formants(pulses, (centre, 2.2 * centre, 4.1 * centre), 0.3)
        sounds.mix(track, sounds.fade(lasting, 0.001, 0.3 * lasting) * croak, time, strength)
        spans.append((time - lead, lead + 1.15 * lasting, strength))
    sac, twitch = sounds.openings(stage, spans, 0.35), sounds.wander(rng, stage, 0.7)
    blinks = sounds.openings(stage, [(t, 0.2, 1.0) for t in sounds.event_times(rng, stage, 1.4)])
    gulp_hz = float(rng.uniform(1.5, 2.5))
    spot = cast(rng, stage, 1.6, 1.0, 0.06)
    skin, throat, leaf, iris = palette(rng, 4)
    swelling, pout = float(rng.uniform(0.35, 0.8)), float(rng.uniform(0, 0.2))
    body = np.array(
        [[-1.1, 0.6], [-1.0, 0.0], [-0.5, -0.5], [0.4, -0.62], [1.0, -0.35], [1.15, 0], [0.7, 0.6]]
    )

    def paint(canvas: Canvas, t: float) -> None:
        pen = Pen(canvas, spot.x, spot.y, spot.scale, 0.03 * twitch.at(t))
        filled = sac.at(t) + 0.04 * (1 + np.sin(2 * np.pi * gulp_hz * t))
        pen.box(0, 0.75, 1.6, 0.12, leaf)
        radius = 0.15 + swelling * filled
        pen.ellipse(0.75 + 0.25 * filled, 0.15 + 0.1 * filled, radius, 0.85 * radius, throat)
        lifted = body - np.array([0, 0.1]) * filled * (body[:, :1] > 0)
        pen.polygon(lifted, skin)
        pen.line(
            np.array([[0.35, -0.05], [1.12, -0.05 - 0.1 * filled]]),
            (30, 40, 20),
            0.03 + pout * filled,
        )
        pen.polygon(
            np.array([[-1.3, 0.65], [-1.0, 0.0], [-0.3, 0.25], [-0.7, 0.68]]), shade(skin, 0.75)
        )
        pen.line(np.array([[0.35, 0.3], [0.45, 0.68]]), shade(skin, 0.7), 0.14)
        pen.ellipse(
            0.62, -0.62 - 0.1 * filled, 0.2, 0.2 * (1 - 0.5 * blinks.at(t)), shade(skin, 1.2)
        )
        pen.box(0.65, -0.62 - 0.1 * filled, 0.13, 0.05 * (1 - blinks.at(t)), shade(iris, 0.4))

    return Performance(
        paint, sounds.mastered(rng, track), (spot.x + 0.6 * spot.scale, spot.y), 2 * spot.scale
    )


SCENES: tuple[Scene, ...] = (
    Scene("bark", _bark, 1.5),
    Scene("bird", _bird),
    Scene("cartoon creature", _cartoon_creature, 1.2),
    Scene("croak", _croak, use=Use.CALIBRATION),
)
