"""Posture: motion of head, shoulders and hands of a speaker.

People move more while speaking than while listening, start to move at the start of a phrase, and
mark stresses with the head and the hands (Yehia, Kuratate and Vatikiotis-Bateson, "Linking facial
animation, head motion and speech acoustics", Journal of Phonetics, 2002). The amount varies between
speakers, from almost none to more than the motion of the mouth.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from training.data.synthetic.chance import log_uniform
from training.data.synthetic.rhythm import LEAD_S
from training.data.synthetic.speakers.speech import Phoneme

RATE_HZ = 200
"""Sample rate of motion; painters interpolate."""

_PHRASE_GAP_S = 0.25
_STRESS_GAP_S = 0.22
VOWELS = frozenset("aɑɐäæʌəɜɘɵɚeɛiɪɨyᵻoɔɒuʊɯøœ")


@dataclass(frozen=True, slots=True)
class Stress:
    """A prominent vowel; the first vowel of a phrase is always one."""

    time_s: float
    strength: float
    begins_phrase: bool


@dataclass(frozen=True, slots=True, eq=False)
class Posture:
    """Motion at 200 Hz, starting `LEAD_S` before clip time 0.

    Attributes:
        turn: (N, 3) shift of the head to the right, down (in heights of the head), roll (radians).
        shoulders: (N, 2) shift of the shoulders to the right and down, in heights of the head.
        gesture: (N,) height of the hands, 0 to 1.
    """

    turn: NDArray[np.float64]
    shoulders: NDArray[np.float64]
    gesture: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Habit:
    """Movement habits of one person.

    Attributes:
        sway: Standard deviation of the idle motion, in heights of the head.
        rest: Pace of the idle motion in pauses, relative to the pace during speech.
        eagerness_s: Lead of the body's motion over a phrase.
        marked: Share of the stresses marked by the head.
        beat: Size of a mark, in heights of the head.
        direction: (3,) direction of the marks: right, down, roll.
        lag_s: Delay of the end of a mark after the start of the vowel.
        shift: Size of the posture changes at the start of a phrase.
        stiffness: Shift of the shoulders, relative to the head.
    """

    sway: float
    rest: float
    eagerness_s: float
    marked: float
    beat: float
    direction: NDArray[np.float64]
    lag_s: float
    shift: float
    stiffness: float


def posture(rng: np.random.Generator, n: int, phonemes: Sequence[Phoneme]) -> Posture:
    """Animate the body of a person who says the phonemes, or listens if there are none.

    Args:
        rng: Source of all randomness.
        n: Number of grid points.
        phonemes: Spoken phonemes in clip time.
    """
    habit = _habit(rng)
    wakes = _wakefulness(n, phonemes, habit.eagerness_s)
    # Listeners move at any time.
    pace = habit.rest + (1 - habit.rest) * wakes if phonemes else np.ones(n)
    clock = np.cumsum(pace)
    slow = np.stack([_along(rng, clock, rng.uniform(0.2, 0.5)) for _ in range(3)], axis=1)
    quick = np.stack([_along(rng, clock, rng.uniform(0.8, 2.0)) for _ in range(3)], axis=1)
    turn = habit.sway * (slow + 0.3 * quick) * np.array([1.0, 0.6, 1.5])
    stresses = find_stresses(phonemes)
    turn += _beats(rng, n, stresses, habit)
    shifts = _shifts(rng, n, stresses, habit)
    turn[:, :2] += shifts
    followed = gaussian_filter1d(turn[:, :2], 0.04 * RATE_HZ, axis=0)
    shoulders = habit.stiffness * followed + (1 - habit.stiffness) * shifts
    breath = np.sin(2 * np.pi * rng.uniform(0.2, 0.4) * np.arange(n) / RATE_HZ)
    shoulders[:, 1] += rng.uniform(0.0, 0.015) * breath
    hand = np.clip(_along(rng, clock, 0.45) * 0.5, 0, 1) * rng.uniform(0, 1)
    strokes = _beats(rng, n, stresses, habit)[:, 1]
    gesture = hand + rng.uniform(0, 1) * strokes / (np.abs(strokes).max() + 1e-6)
    return Posture(turn, shoulders, np.clip(gesture, 0, 1))


def find_stresses(phonemes: Sequence[Phoneme]) -> list[Stress]:
    """Find the first vowel of each phrase, and vowels louder than most."""
    vowels = [p for p in phonemes if any(letter in VOWELS for letter in p.symbol)]
    if not vowels:
        return []
    loud = float(np.median([p.loudness for p in vowels]))
    found: list[Stress] = []
    phrase_from_s = phonemes[0].start_s
    ends = [-np.inf, *(p.end_s for p in phonemes[:-1])]
    begins = [p.start_s for p, end in zip(phonemes, ends, strict=True)
              if p.start_s - end > _PHRASE_GAP_S]  # fmt: skip
    for vowel in vowels:
        started = [time for time in begins if time <= vowel.start_s]
        latest = started[-1] if started else phrase_from_s
        is_first = not found or found[-1].time_s < latest
        is_apart = not found or vowel.start_s - found[-1].time_s > _STRESS_GAP_S
        if is_first or (vowel.loudness > loud and is_apart):
            found.append(Stress(vowel.start_s, min(vowel.loudness, 1.2), is_first))
    return found


def drift(rng: np.random.Generator, n: int, pace_hz: float) -> NDArray[np.float64]:
    """Smooth idle motion of about unit deviation, with about `pace_hz` reversals per second."""
    sigma = RATE_HZ / (2 * np.pi * pace_hz)
    step = max(int(sigma / 4), 1)
    coarse = gaussian_filter1d(rng.standard_normal(n // step + 8), sigma / step)
    coarse /= coarse.std() + 1e-9
    return np.interp(np.arange(n) / step, np.arange(coarse.size), coarse)


def span(n: int, begin_s: float, end_s: float) -> slice:
    """Grid points between two clip times, within n points."""
    begin, end = (round((t + LEAD_S) * RATE_HZ) for t in (begin_s, end_s))
    return slice(min(max(begin, 0), n), min(max(end, 0), n))


def _habit(rng: np.random.Generator) -> _Habit:
    return _Habit(
        sway=log_uniform(rng, 0.006, 0.06),
        rest=float(rng.uniform(0.0, 1.0)),
        eagerness_s=float(rng.uniform(0.0, 0.25)),
        marked=float(rng.uniform(0.1, 1.0)),
        beat=log_uniform(rng, 0.01, 0.13),
        direction=rng.normal(0, 1, 3) * np.array([0.6, 1.0, 1.0]),
        lag_s=float(rng.normal(0.02, 0.04)),
        shift=float(rng.choice([0.0, log_uniform(rng, 0.03, 0.2)], p=[0.25, 0.75])),
        stiffness=float(rng.uniform(0.35, 1.0)),
    )


def _along(
    rng: np.random.Generator, clock: NDArray[np.float64], pace_hz: float
) -> NDArray[np.float64]:
    """Idle motion read at the times of a clock, in grid points."""
    return np.interp(clock, np.arange(clock.size), drift(rng, clock.size, pace_hz))


def _wakefulness(n: int, phonemes: Sequence[Phoneme], eagerness_s: float) -> NDArray[np.float64]:
    awake = np.zeros(n)
    for phoneme in phonemes:
        awake[span(n, phoneme.start_s - eagerness_s, phoneme.end_s + 0.1)] = 1
    return gaussian_filter1d(awake, 0.03 * RATE_HZ)


def _beats(
    rng: np.random.Generator, n: int, stresses: Sequence[Stress], habit: _Habit
) -> NDArray[np.float64]:
    """Draw (n, 3) marks: a quick stroke at some of the stresses, and a slower return."""
    track = np.zeros((n, 3))
    for stress in stresses:
        if rng.random() > habit.marked:
            continue
        stroke_s, return_s = rng.uniform(0.08, 0.2), rng.uniform(0.15, 0.6)
        apex_s = stress.time_s + habit.lag_s + 0.03 * rng.standard_normal()
        times = np.arange(n) / RATE_HZ - LEAD_S
        up = np.clip((times - apex_s + stroke_s) / stroke_s, 0, 1)
        down = np.clip((apex_s + return_s - times) / return_s, 0, 1)
        bump = _eased(up) * _eased(down)
        direction = habit.direction + 0.4 * rng.standard_normal(3)
        track += habit.beat * stress.strength * bump[:, None] * direction
    return track


def _shifts(
    rng: np.random.Generator, n: int, stresses: Sequence[Stress], habit: _Habit
) -> NDArray[np.float64]:
    """Draw (n, 2) positions that change at the start of phrases."""
    track = np.zeros((n, 2))
    for stress in stresses:
        if not stress.begins_phrase or rng.random() < 0.2:
            continue
        length_s = float(rng.uniform(0.2, 0.7))
        begin = round((stress.time_s - habit.eagerness_s + LEAD_S) * RATE_HZ)
        way = _eased(np.clip((np.arange(n) - begin) / (length_s * RATE_HZ), 0, 1))[:, None]
        to = habit.shift * rng.normal(0, 1, 2) * np.array([1.0, 0.5])
        track = (1 - way) * track + way * to
    return track


def _eased(share: NDArray[np.float64]) -> NDArray[np.float64]:
    return share * share * (3 - 2 * share)
