"""Articulation: motion of mouth, face, shoulders and hands, computed from phonemes or loudness.

Lips move before they are heard. For the drawn speakers the opening of the mouth leads the envelope
of the sound by 0 to 120 ms, typically by 20 to 60 ms with a median of 35 ms (peak of the
cross-correlation), within the range measured on people by Schwartz and Savariaux, "No, there is no
150 ms lead of visual speech on auditory speech" (PLoS Computational Biology, 2014). Closures of
p, b, m do not lead: the lips part when the burst is heard.

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
from scipy.signal import lfilter

from training.data.synthetic.chance import LEAD_S, log_uniform
from training.data.synthetic.performance import SOUND_RATE_HZ
from training.data.synthetic.speakers.speech import Phoneme, envelope

_OPEN, _WIDE, _TEETH, _TONGUE = range(4)
_SHAPES = {
    # IPA letters: (opening of the jaw 0..1, width -1 pouted..1 spread, teeth 0..1, tongue 0..1)
    "aɑɐäæ": (1.0, 0.15, 0.4, 0.2),
    "ʌəɜɘɵɚ": (0.5, 0.0, 0.3, 0.1),
    "eɛ": (0.55, 0.55, 0.5, 0.2),
    "iɪɨyᵻ": (0.28, 0.8, 0.8, 0.1),
    "oɔɒ": (0.6, -0.7, 0.1, 0.1),
    "uʊɯwøœɥ": (0.25, -1.0, 0.0, 0.0),
    "szcɕʑ": (0.1, 0.4, 1.0, 0.0),
    "ʃʒʂʐ": (0.18, -0.6, 0.9, 0.0),
    "tdnlɾrɲʎɫʈɖɳɭ": (0.22, 0.1, 0.6, 0.6),
    "θð": (0.2, 0.2, 0.7, 1.0),
    "ɹɻ": (0.22, -0.4, 0.4, 0.2),
    "kɡgŋhxɣʁχqʔɦçj": (0.34, 0.1, 0.3, 0.1),
    "fvʋ": (0.12, 0.2, 0.7, 0.0),
    "mbpɸβ": (0.16, 0.0, 0.0, 0.0),
}
_BY_LETTER = {letter: shape for letters, shape in _SHAPES.items() for letter in letters}
_BILABIAL = frozenset("mbp")

RATE_HZ = 200
"""Sample rate of motion; painters interpolate."""

_PHRASE_GAP_S = 0.25
_STRESS_GAP_S = 0.22
_VOWELS = frozenset("aɑɐäæʌəɜɘɵɚeɛiɪɨyᵻoɔɒuʊɯøœ")


@dataclass(frozen=True, slots=True)
class Speaker:
    """Articulation habits of one person.

    Attributes:
        strength: Amplitude: 0.35 mumbling, 1 normal, 1.4 exaggerated.
        anticipation_s: Lead of the movement towards a phoneme over its sound.
        settling_s: Duration of the movement from 10 to 90 %.
        is_led_by_loudness: The mouth follows the envelope instead of the phonemes.
    """

    strength: float
    anticipation_s: float
    settling_s: float
    is_led_by_loudness: bool


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """Motion of a face and body at 200 Hz, starting `LEAD_S` before clip time 0.

    Attributes:
        jaw: (N,) opening of the jaw, 0 to about 1.2.
        lips: (N,) opening of the lips, 0 closed.
        width: (N,) width of the mouth, -1 pouted, 1 spread.
        teeth: (N,) visible share of the teeth, 0 to 1.
        tongue: (N,) visible share of the tongue, 0 to 1.
        smile: (N,) raised corners of the mouth, 0 to 1.
        blink: (N,) 1 for closed eyes.
        brows: (N,) -1 lowered, 1 raised.
        turn: (N, 3) shift to the right, shift down (in heights of the head), roll (radians).
        shoulders: (N, 2) shift of the shoulders to the right and down, in heights of the head.
        gesture: (N,) height of the hands, 0 to 1.
    """

    jaw: NDArray[np.float32]
    lips: NDArray[np.float32]
    width: NDArray[np.float32]
    teeth: NDArray[np.float32]
    tongue: NDArray[np.float32]
    smile: NDArray[np.float32]
    blink: NDArray[np.float32]
    brows: NDArray[np.float32]
    turn: NDArray[np.float32]
    shoulders: NDArray[np.float32]
    gesture: NDArray[np.float32]

    def index(self, time_s: float) -> tuple[int, float]:
        """Grid point before a clip time, and the fraction up to the next."""
        position = float(np.clip((time_s + LEAD_S) * RATE_HZ, 0, self.jaw.size - 1.001))
        return int(position), position - int(position)


def cast_speaker(rng: np.random.Generator) -> Speaker:
    """Draw the articulation habits of a person."""
    return Speaker(
        strength=float(np.clip(0.85 * np.exp(0.35 * rng.standard_normal()), 0.35, 1.4)),
        anticipation_s=float(rng.triangular(0.04, 0.085, 0.15)),
        settling_s=float(rng.uniform(0.06, 0.12)),
        is_led_by_loudness=bool(rng.random() < 0.25),
    )


def articulate(
    rng: np.random.Generator,
    duration_s: float,
    speaker: Speaker,
    phonemes: Sequence[Phoneme],
    sound: NDArray[np.float32],
) -> Motion:
    """Animate a face that says the phonemes, or listens if there are none.

    Args:
        rng: Source of all randomness.
        duration_s: Length of the clip.
        speaker: Articulation habits.
        phonemes: Spoken phonemes in clip time.
        sound: (n_samples,) at 48 kHz from clip time 0; only for mouths led by loudness.
    """
    n = round((duration_s + 2 * LEAD_S) * RATE_HZ)
    shape, closed = _targets(n, speaker, phonemes)
    if speaker.is_led_by_loudness and phonemes:
        shape[:, _OPEN] = _by_loudness(n, speaker, phonemes, sound)
    shape = _settled(shape, speaker)
    is_idle = _is_idle(n, phonemes)
    chew, smile, lick = _distractions(rng, is_idle)
    shape[:, _OPEN] *= speaker.strength
    jaw = np.maximum(shape[:, _OPEN], 0)
    lips = np.clip(jaw - 0.06, 0, None) * (1 - closed)
    effort = gaussian_filter1d(jaw, 0.08 * RATE_HZ)
    whole = posture(rng, n, phonemes)
    return Motion(
        jaw=_f32(jaw * (1 - 0.55 * closed) + chew),
        lips=_f32(lips + lick * 0.25),
        width=_f32(shape[:, _WIDE] * min(speaker.strength, 1.0)),
        teeth=_f32(np.clip(shape[:, _TEETH], 0, 1)),
        tongue=_f32(np.clip(shape[:, _TONGUE] + lick, 0, 1)),
        smile=_f32(smile),
        blink=_f32(_blinks(rng, n)),
        brows=_f32(_brows(rng, n, effort)),
        turn=_f32(whole.turn),
        shoulders=_f32(whole.shoulders),
        gesture=_f32(whole.gesture),
    )


def _f32(values: NDArray[np.float64]) -> NDArray[np.float32]:
    return values.astype(np.float32)


def _targets(
    n: int, speaker: Speaker, phonemes: Sequence[Phoneme]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Target shapes (n, 4) with anticipation, and closure of the lips (n,)."""
    shape = np.zeros((n, 4))
    closed = np.zeros(n)
    time_s = np.arange(n) / RATE_HZ - LEAD_S
    previous_end_s = -np.inf
    for phoneme in phonemes:
        start_s = phoneme.start_s - speaker.anticipation_s
        end_s = phoneme.end_s - speaker.anticipation_s
        if start_s - previous_end_s > 0.15:
            # Lips part a little before speech begins.
            shape[_span(n, start_s - 0.2, start_s), _OPEN] = 0.14
        letters = [c for c in phoneme.symbol if c in _BY_LETTER] or ["ə"]
        vowels = [c for c in letters if c in _VOWELS]
        parts = (vowels if vowels else letters[-1:])[:2]
        edges = np.linspace(start_s, end_s, len(parts) + 1)
        for letter, begin_s, stop_s in zip(parts, edges[:-1], edges[1:], strict=True):
            part = _span(n, begin_s, stop_s)
            shape[part] = _BY_LETTER[letter]
            if letter in _VOWELS:
                shape[part, _OPEN] *= 0.55 + 0.6 * min(phoneme.loudness, 1.1)
        if phoneme.symbol[0] in _BILABIAL:
            # Lips meet in 60 ms and part in 50 ms.
            stop_s = phoneme.release_s
            near = _span(n, phoneme.start_s - 0.1, stop_s + 0.1)
            rise = (time_s[near] - phoneme.start_s + 0.06) / 0.06
            fall = (stop_s + 0.05 - time_s[near]) / 0.05
            ramp = np.clip(np.minimum(rise, fall), 0, 1)
            closed[near] = np.maximum(closed[near], ramp * ramp * (3 - 2 * ramp))
        previous_end_s = end_s
    return shape, closed


def _by_loudness(
    n: int, speaker: Speaker, phonemes: Sequence[Phoneme], sound: NDArray[np.float32]
) -> NDArray[np.float64]:
    loud = envelope(sound, 0.03)[:: SOUND_RATE_HZ // RATE_HZ]
    loud = loud / (float(np.percentile(loud, 97)) + 1e-6)
    opening = np.zeros(n)
    begin = round((LEAD_S - speaker.anticipation_s) * RATE_HZ)
    opening[begin : begin + loud.size] = np.clip(loud, 0, 1.2)[: n - begin] ** 0.7
    is_spoken = np.zeros(n)
    for phoneme in phonemes:
        start_s, end_s = (t - speaker.anticipation_s for t in (phoneme.start_s, phoneme.end_s))
        is_spoken[_span(n, start_s, end_s)] = 1
    return opening * is_spoken


def _settled(shape: NDArray[np.float64], speaker: Speaker) -> NDArray[np.float64]:
    """Smooth the targets like a critically damped mass: two equal low-passes in series."""
    # A critically damped step takes 3.36 time constants from 10 to 90 %.
    keep = np.exp(-3.36 / (speaker.settling_s * RATE_HZ))
    for _ in range(2):
        shape = lfilter([1 - keep], [1, -keep], shape, axis=0)
    return shape


def _is_idle(n: int, phonemes: Sequence[Phoneme]) -> NDArray[np.bool_]:
    idle = np.ones(n, bool)
    for phoneme in phonemes:
        idle[_span(n, phoneme.start_s - 0.35, phoneme.end_s + 0.2)] = False
    return idle


def _distractions(
    rng: np.random.Generator, is_idle: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Draw silent chewing, smiling and licking, (n,) each, in pauses; smiles at any time."""
    n = is_idle.size
    time_s = np.arange(n) / RATE_HZ
    allowed = gaussian_filter1d(is_idle.astype(np.float64), 0.05 * RATE_HZ)
    chew = np.zeros(n)
    if rng.random() < 0.3:
        turns = rng.uniform(1, 2.2) * time_s + 0.15 * _drift(rng, n, 1)
        strokes = np.maximum(np.sin(2 * np.pi * turns), 0)
        chew = rng.uniform(0.08, 0.3) * strokes * allowed
        chew *= np.clip(_drift(rng, n, 0.3) + 0.5, 0, 1)
    if rng.random() < 0.3:
        # Silent or inaudible speech: the mouth moves in pauses.
        chew += rng.uniform(0.05, 0.35) * np.clip(_drift(rng, n, 2.5), 0, 2) * allowed
    smile = np.clip(_drift(rng, n, 0.25) * rng.uniform(0, 0.9), 0, 1)
    lick = np.zeros(n)
    for start in np.flatnonzero(np.diff(is_idle.astype(int)) == 1):
        if rng.random() < 0.15:
            part = slice(int(start) + 40, min(int(start) + 100, n))
            lick[part] = np.sin(np.linspace(0, np.pi, 60))[: lick[part].size] * 0.8
    return chew, smile, lick * allowed


def _blinks(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    blink = np.zeros(n)
    at = int(rng.uniform(0, 2.5) * RATE_HZ)
    while at < n - 60:
        blink[at : at + 50] = np.sin(np.linspace(0, np.pi, 50)) ** 0.7
        at += int(max(rng.gamma(2.0, 1.6), 0.3) * RATE_HZ)
    return blink


def _brows(rng: np.random.Generator, n: int, effort: NDArray[np.float64]) -> NDArray[np.float64]:
    own = _drift(rng, n, 0.6) * rng.uniform(0.1, 0.6)
    return np.clip(own + effort * rng.uniform(0, 0.8), -1, 1.5)


@dataclass(frozen=True, slots=True)
class _Stress:
    """A prominent vowel; the first vowel of a phrase is always one."""

    time_s: float
    strength: float
    begins_phrase: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Posture:
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


def posture(rng: np.random.Generator, n: int, phonemes: Sequence[Phoneme]) -> _Posture:
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
    return _Posture(turn, shoulders, np.clip(gesture, 0, 1))


def find_stresses(phonemes: Sequence[Phoneme]) -> list[_Stress]:
    """Find the first vowel of each phrase, and vowels louder than most."""
    vowels = [p for p in phonemes if any(letter in _VOWELS for letter in p.symbol)]
    if not vowels:
        return []
    loud = float(np.median([p.loudness for p in vowels]))
    found: list[_Stress] = []
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
            found.append(_Stress(vowel.start_s, min(vowel.loudness, 1.2), is_first))
    return found


def _drift(rng: np.random.Generator, n: int, pace_hz: float) -> NDArray[np.float64]:
    """Smooth idle motion of about unit deviation, with about `pace_hz` reversals per second."""
    sigma = RATE_HZ / (2 * np.pi * pace_hz)
    step = max(int(sigma / 4), 1)
    coarse = gaussian_filter1d(rng.standard_normal(n // step + 8), sigma / step)
    coarse /= coarse.std() + 1e-9
    return np.interp(np.arange(n) / step, np.arange(coarse.size), coarse)


def _span(n: int, begin_s: float, end_s: float) -> slice:
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
    return np.interp(clock, np.arange(clock.size), _drift(rng, clock.size, pace_hz))


def _wakefulness(n: int, phonemes: Sequence[Phoneme], eagerness_s: float) -> NDArray[np.float64]:
    awake = np.zeros(n)
    for phoneme in phonemes:
        awake[_span(n, phoneme.start_s - eagerness_s, phoneme.end_s + 0.1)] = 1
    return gaussian_filter1d(awake, 0.03 * RATE_HZ)


def _beats(
    rng: np.random.Generator, n: int, stresses: Sequence[_Stress], habit: _Habit
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
    rng: np.random.Generator, n: int, stresses: Sequence[_Stress], habit: _Habit
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
