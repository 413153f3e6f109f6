import numpy as np
import pytest

from training.data.synthetic.rhythm import LEAD_S
from training.data.synthetic.speakers.posture import RATE_HZ, find_stresses, posture
from training.data.synthetic.speakers.speech import Phoneme

N = round((12 + 2 * LEAD_S) * RATE_HZ)


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
