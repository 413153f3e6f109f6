import numpy as np
import pytest

from training.data.synthetic.chance import LEAD_S
from training.data.synthetic.speakers.articulation import (
    RATE_HZ,
    Speaker,
    articulate,
    cast_speaker,
    find_stresses,
    posture,
)
from training.data.synthetic.speakers.singing import sing
from training.data.synthetic.speakers.speech import (
    Phoneme,
    cast_voice,
    envelope,
    is_available,
    talk,
)

needs_espeak = pytest.mark.skipif(not is_available(), reason="espeak-ng is not installed")
LEAD = round(LEAD_S * RATE_HZ)

N = round((12 + 2 * LEAD_S) * RATE_HZ)


def _spoken(seed, speaker=None, duration_s=10.0):
    rng = np.random.default_rng(seed)
    said = talk(rng, duration_s, [cast_voice(rng, is_held_out=False)])
    speaker = speaker or cast_speaker(rng)
    return said, articulate(rng, duration_s, speaker, said.phonemes[0], said.sound)


def _lead_s(said, motion):
    loud = np.sqrt(envelope(said.sound, 0.02)[:: 48_000 // RATE_HZ])
    loud = loud - loud.mean()
    lips = motion.lips[LEAD : LEAD + loud.size]
    lips = lips - lips.mean()
    lags = range(-60, 61)
    found = [loud[60:-60] @ lips[60 - lag : lips.size - 60 - lag] for lag in lags]
    return lags[int(np.argmax(found))] / RATE_HZ


@needs_espeak
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_lips_are_closed_for_m_b_p_until_the_release(seed):
    speaker = Speaker(1.0, 0.08, 0.08, seed == 2)
    said, motion = _spoken(seed, speaker)
    closures = [p for p in said.phonemes[0] if p.symbol[0] in "mbp" and 0 < p.start_s < 9.5]
    assert closures
    for phoneme in closures:
        begin, end = (round((t + LEAD_S) * RATE_HZ) for t in (phoneme.start_s, phoneme.release_s))
        assert motion.lips[begin : end + 1].min() < 0.05


@needs_espeak
def test_lips_open_before_they_are_heard_by_the_documented_lead():
    leads = [_lead_s(*_spoken(seed)) for seed in range(8)]
    assert 0.015 <= np.median(leads) <= 0.07
    assert min(leads) >= -0.02
    assert max(leads) <= 0.13


@needs_espeak
def test_same_seed_gives_the_same_motion():
    _, one = _spoken(4, duration_s=3.0)
    _, other = _spoken(4, duration_s=3.0)
    assert np.array_equal(one.jaw, other.jaw)
    assert np.array_equal(one.turn, other.turn)


def test_listeners_never_part_their_lips_to_speak():
    rng = np.random.default_rng(0)
    motion = articulate(rng, 5.0, cast_speaker(rng), (), np.zeros(240_000, np.float32))
    assert motion.lips.max() < 0.3
    assert motion.blink.max() > 0.9
    assert np.ptp(motion.turn) > 0


def test_singers_open_wide_for_vowels_and_close_for_m():
    rng = np.random.default_rng(1)
    song = sing(rng, 10.0)
    motion = articulate(rng, 10.0, Speaker(1.0, 0.08, 0.08, False), song.phonemes[0], song.sound)
    for phoneme in song.phonemes[0]:
        at = round((0.5 * (phoneme.start_s + phoneme.release_s) + LEAD_S) * RATE_HZ)
        if phoneme.symbol in ("m", "p", "b"):
            assert motion.lips[at] < 0.05
        elif phoneme.symbol == "a" and phoneme.end_s - phoneme.start_s > 0.3:
            assert motion.lips[at] > 0.3


def _vowel(start_s, loudness=1.0):
    return Phoneme("a", start_s, start_s + 0.12, start_s + 0.12, loudness)


def _phrases(starts_s):
    return [_vowel(start + 0.25 * k, 0.9 + 0.1 * (k % 2)) for start in starts_s for k in range(6)]


def _speed(track):
    return np.abs(np.diff(track, axis=0)).sum(axis=1) * RATE_HZ


def _is_spoken(phonemes):
    times = np.arange(N - 1) / RATE_HZ - LEAD_S
    return np.any([(p.start_s - 0.2 < times) & (times < p.end_s + 0.2) for p in phonemes], axis=0)


def test_speakers_move_more_while_they_speak():
    phonemes = _phrases([1.0, 4.5, 8.0])
    spoken = _is_spoken(phonemes)
    ratios = []
    for seed in range(30):
        speed = _speed(posture(np.random.default_rng(seed), N, phonemes).turn)
        ratios.append(speed[spoken].mean() / speed[~spoken].mean())

    assert np.median(ratios) > 2
    assert min(ratios) < 2  # Some hardly show it.


def test_listeners_move_at_any_time():
    phonemes = _phrases([1.0, 4.5, 8.0])
    spoken = _is_spoken(phonemes)
    speeds = [_speed(posture(np.random.default_rng(s), N, ()).turn) for s in range(30)]

    ratio = np.mean([s[spoken].mean() / s[~spoken].mean() for s in speeds])

    assert ratio == pytest.approx(1, abs=0.15)


def test_stresses_are_the_first_vowels_of_phrases_and_louder_ones():
    phonemes = [_vowel(1.0, 0.2), _vowel(1.3, 0.2), _vowel(1.6, 0.9), _vowel(3.0, 0.2)]

    found = find_stresses(phonemes)

    assert [stress.time_s for stress in found] == [1.0, 1.6, 3.0]
    assert [stress.begins_phrase for stress in found] == [True, False, True]


def test_the_same_seed_gives_the_same_movement():
    one, other = (posture(np.random.default_rng(5), N, _phrases([2.0])) for _ in range(2))

    assert np.array_equal(one.turn, other.turn)
    assert np.array_equal(one.gesture, other.gesture)
    assert one.gesture.min() >= 0
    assert one.gesture.max() <= 1
