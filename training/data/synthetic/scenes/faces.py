"""Talking and singing people, close and far, alone and among listeners."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from training.data.synthetic.chance import log_uniform
from training.data.synthetic.performance import Canvas, Performance, Scene, Stage, Use
from training.data.synthetic.scenes.face_parts import Expression, Head, Look, place
from training.data.synthetic.speakers.articulation import Motion, Speaker, articulate, cast_speaker
from training.data.synthetic.speakers.singing import sing
from training.data.synthetic.speakers.speech import Phoneme, cast_voice, talk

_SKINS = (
    (255, 224, 196), (240, 200, 170), (224, 172, 132), (198, 134, 92), (141, 92, 60), (82, 52, 38)
)  # fmt: skip
_HAIR = ((25, 20, 18), (70, 45, 28), (130, 90, 50), (210, 175, 110), (150, 60, 30), (170, 168, 165))
_MOUTH_PER_HEAD = 0.16
"""Typical width of a mouth, as a share of the side of the head's texture."""


@dataclass(frozen=True, slots=True, eq=False)
class _Person:
    """A person on the canvas; `at_px` is the middle of the head's texture at rest."""

    head: Head
    body: NDArray[np.uint8]
    motion: Motion
    at_px: tuple[float, float]
    size_px: float
    has_hand: bool
    skin: tuple[float, float, float]

    def paint(self, canvas: Canvas, time_s: float) -> None:
        index, part = self.motion.index(time_s)
        motion, s = self.motion, self.size_px

        def at(track: NDArray[np.float32]) -> float:
            return float(track[index] + part * (track[index + 1] - track[index]))

        def places(track: NDArray[np.float32]) -> list[float]:
            found: list[float] = (track[index] + part * (track[index + 1] - track[index])).tolist()
            return found

        across, down, roll = places(motion.turn)
        aside, lowered = places(motion.shoulders)
        x, y = self.at_px
        body_at = (x + aside * s, y + (0.3 + lowered) * s + 0.5 * self.body.shape[0])
        place(canvas, self.body, body_at, 0.0, 1)
        state = Expression(
            at(motion.jaw), at(motion.lips), at(motion.width), at(motion.teeth),
            at(motion.tongue), at(motion.smile), at(motion.blink), at(motion.brows),
        )  # fmt: skip
        self.head.draw(canvas, (x + across * s, y + down * s), roll, state)
        if self.has_hand:
            raised = at(motion.gesture)
            hand = (x + (0.75 + aside - 0.2 * raised) * s, y + (1.35 + lowered - 0.55 * raised) * s)
            elbow = (x + (0.8 + aside) * s, y + (1.6 + lowered) * s)
            _limb(canvas, elbow, hand, 0.14 * s, self.skin)


def _limb(
    canvas: Canvas,
    begin: tuple[float, float],
    end: tuple[float, float],
    width: float,
    colour: tuple[float, float, float],
) -> None:
    points = [np.round(np.array([begin, end]) * 16).astype(np.int32)]
    cv2.polylines(canvas, points, False, colour, max(round(width), 1), cv2.LINE_AA, 4)
    tip = (round(end[0] * 16), round(end[1] * 16))
    cv2.circle(canvas, tip, max(round(width * 10), 8), colour, -1, cv2.LINE_AA, 4)


def _cast_look(rng: np.random.Generator, size_px: float, *, is_held_out: bool) -> Look:
    skin = np.array(_SKINS[rng.integers(len(_SKINS))]) * rng.uniform(0.75, 1.05)
    hair = np.array(_HAIR[rng.integers(len(_HAIR))]) * rng.uniform(0.7, 1.2)
    redness = rng.uniform(0.0, 1.0) ** 1.5
    lips = skin * (np.array((0.92, 0.8, 0.8)) - redness * np.array((0.1, 0.35, 0.3)))
    if is_held_out:
        style, beard = rng.choice(["bun", "hood", "short"]), rng.choice(["none", "none", "goatee"])
        glasses, hat = rng.choice(["none", "dark"]), rng.choice(["none", "none", "turban"])
    else:
        style = rng.choice(["bald", "short", "short", "long", "curly"])
        beard = rng.choice(["none", "none", "none", "stubble", "full", "moustache"])
        glasses = rng.choice(["none", "none", "none", "round", "square"])
        hat = rng.choice(["none", "none", "none", "none", "beanie", "cap"])
    turned = rng.choice([0.12, 0.5, 1.05], p=[0.5, 0.37, 0.13])
    return Look(
        size_px=size_px,
        yaw=float(np.clip(turned * rng.standard_normal(), -1.2, 1.2)),
        skin=_rgb(skin),
        hair=_rgb(hair),
        lips=_rgb(lips),
        half_width=float(rng.uniform(0.23, 0.31)),
        mouth_width=float(rng.uniform(0.065, 0.1)),
        lip_height=float(rng.uniform(0.01, 0.026)),
        hair_style=str(style),
        beard=str(beard),
        glasses=str(glasses),
        hat=str(hat),
        light=float(rng.uniform(-1, 1)),
        contrast=float(rng.uniform(0.25, 1.0)),
        gloom=float(rng.uniform(0.25, 1.0)),
    )


def _rgb(values: NDArray[np.float64]) -> tuple[float, float, float]:
    red, green, blue = np.clip(values, 5, 255).tolist()
    return red, green, blue


def _body(rng: np.random.Generator, size_px: float, height_px: float) -> NDArray[np.uint8]:
    """Draw the body below the chin as an image."""
    width, height = max(round(1.5 * size_px), 6), max(round(height_px), 4)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    x = (x + 0.5) / size_px - 0.75
    y = (y + 0.5) / size_px
    slope = 0.16 + 0.5 * np.clip(y, 0, 1) ** 0.6
    half = np.minimum(slope, rng.uniform(0.5, 0.7)) * np.where(y < 2.2, 1, 0.75)
    alpha = np.clip((half - np.abs(x)) * size_px * 0.7, 0, 1)
    colour = np.array(rng.uniform(15, 240, 3), np.float32) * np.ones((height, width, 1), np.float32)
    folds = np.sin(x * rng.uniform(5, 25) + 3 * np.sin(y * rng.uniform(2, 6)))
    lit = (
        1
        + rng.uniform(0.01, 0.1) * folds
        + rng.uniform(-0.4, 0.4) * x
        - 0.25 * (np.abs(x) / half) ** 2
    )
    noise = rng.standard_normal((height, width)).astype(np.float32)
    colour *= np.clip(lit + 0.04 * noise, 0.2, 1.5)[..., None]
    if rng.random() < 0.3:
        shirt = np.abs(x) < 0.14 - 0.12 * y
        colour[shirt] = rng.uniform(120, 250)
    rgba = np.dstack([np.clip(colour, 0, 255) * alpha[..., None], alpha * 255])
    return np.asarray(np.round(rgba), np.uint8)


def _cast(
    rng: np.random.Generator,
    stage: Stage,
    at_px: tuple[float, float],
    size_px: float,
    motion: Motion,
    *,
    is_held_out: bool,
) -> _Person:
    look = _cast_look(rng, size_px, is_held_out=is_held_out)
    room_px = stage.height_px - at_px[1]
    body_px = min(max(room_px, 0.5 * size_px) + 0.3 * size_px, 4.4 * size_px)
    return _Person(
        Head(look, rng), _body(rng, size_px, body_px), motion, at_px, size_px,
        bool(rng.random() < 0.4), look.skin,
    )  # fmt: skip


def _performance(
    rng: np.random.Generator,
    people: Sequence[_Person],
    n_speaking: int,
    sound: NDArray[np.float32],
) -> Performance:
    has_microphone = rng.random() < 0.2
    shade = float(rng.uniform(15, 120))

    def paint(canvas: Canvas, time_s: float) -> None:
        for person in reversed(people):
            person.paint(canvas, time_s)
        if has_microphone:
            (x, y), s = people[0].at_px, people[0].size_px
            _limb(canvas, (x + 0.3 * s, y + 1.4 * s), (x + 0.12 * s, y + 0.45 * s), 0.08 * s,
                  (shade, shade, shade))  # fmt: skip

    speaking = people[:n_speaking]
    x = float(np.mean([p.at_px[0] + p.head.mouth_px[0] for p in speaking]))
    y = float(np.mean([p.at_px[1] + p.head.mouth_px[1] for p in speaking]))
    extent = _MOUTH_PER_HEAD * speaking[0].size_px
    return Performance(paint, sound, (x, y), extent)


def _where(
    rng: np.random.Generator, stage: Stage, size_px: float, part: float = 0.5, span: float = 1.0
) -> tuple[float, float]:
    """Draw a position of a head within a share of the width; large heads lie near the middle."""
    margin = min(0.42 * size_px, 0.5 * stage.width_px)
    x = stage.width_px * (part + span * rng.uniform(-0.5, 0.5))
    x = float(np.clip(x, margin, stage.width_px - margin))
    lowest = max(stage.height_px - 0.45 * size_px, 0.5 * stage.height_px)
    highest = min(0.4 * size_px, 0.5 * stage.height_px)
    return x, float(highest + (lowest - highest) * rng.beta(1.5, 2.5))


def _talking(
    rng: np.random.Generator, stage: Stage, mouth_px: tuple[float, float], *, is_held_out: bool
) -> Performance:
    low, high = (m / _MOUTH_PER_HEAD for m in mouth_px)
    size_px = log_uniform(rng, low, high)
    said = talk(rng, stage.duration_s, [cast_voice(rng, is_held_out=is_held_out)])
    motion = articulate(rng, stage.duration_s, cast_speaker(rng), said.phonemes[0], said.sound)
    at_px = _where(rng, stage, size_px)
    person = _cast(rng, stage, at_px, size_px, motion, is_held_out=is_held_out)
    return _performance(rng, [person], 1, said.sound)


def _perform_talking(
    rng: np.random.Generator, stage: Stage, *, is_held_out: bool = False
) -> Performance:
    sizes = (0.05 * stage.short_px, 0.2 * stage.short_px)
    return _talking(rng, stage, sizes, is_held_out=is_held_out)


def _perform_far(
    rng: np.random.Generator, stage: Stage, *, is_held_out: bool = False
) -> Performance:
    scale = stage.short_px / 256
    return _talking(rng, stage, (3 * scale, 12 * scale), is_held_out=is_held_out)


def _perform_group(rng: np.random.Generator, stage: Stage) -> Performance:
    n_people = int(rng.integers(2, 6))
    n_speaking = 2 if rng.random() < 0.35 else 1
    voices = [cast_voice(rng, is_held_out=False) for _ in range(n_speaking)]
    said = talk(rng, stage.duration_s, voices)
    largest = min(0.9 * stage.width_px / n_people * 1.3, 0.8 * stage.height_px)
    size_px = log_uniform(rng, max(0.12 * stage.short_px, 16), max(largest, 20))
    places = rng.permutation(n_people)
    nobody: tuple[Phoneme, ...] = ()
    people = []
    for k in range(n_people):
        spoken = said.phonemes[k] if k < n_speaking else nobody
        motion = articulate(rng, stage.duration_s, cast_speaker(rng), spoken, said.sound)
        own_px = size_px * float(rng.uniform(0.85, 1.15))
        at_px = _where(rng, stage, own_px, (places[k] + 0.5) / n_people, 0.3 / n_people)
        people.append(_cast(rng, stage, at_px, own_px, motion, is_held_out=False))
    return _performance(rng, people, n_speaking, said.sound)


def _perform_singing(rng: np.random.Generator, stage: Stage) -> Performance:
    song = sing(rng, stage.duration_s)
    speaker = cast_speaker(rng)
    bold = Speaker(max(speaker.strength, 0.8), speaker.anticipation_s, speaker.settling_s, False)
    motion = articulate(rng, stage.duration_s, bold, song.phonemes[0], song.sound)
    size_px = log_uniform(rng, 0.15 * stage.short_px, 1.1 * stage.short_px)
    person = _cast(rng, stage, _where(rng, stage, size_px), size_px, motion, is_held_out=False)
    return _performance(rng, [person], 1, song.sound)


_Perform = Callable[[np.random.Generator, Stage], Performance]
_talking_held_out: _Perform = partial(_perform_talking, is_held_out=True)
_far_held_out: _Perform = partial(_perform_far, is_held_out=True)

SCENES = (
    Scene("talking", _perform_talking, weight=5),
    Scene("talking far", _perform_far, weight=3),
    Scene("talking group", _perform_group, weight=3),
    Scene("singing", _perform_singing, weight=1.5),
    Scene("talking, new voices", _talking_held_out, use=Use.HELD_OUT),
    Scene("talking far, new voices", _far_held_out, use=Use.HELD_OUT),
)
