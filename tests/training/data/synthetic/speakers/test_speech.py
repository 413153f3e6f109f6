import numpy as np
import pytest

from training.data.synthetic.performance import SOUND_RATE_HZ
from training.data.synthetic.speakers.speech import (
    HELD_OUT_LANGUAGES,
    HELD_OUT_VARIANTS,
    LANGUAGES,
    VARIANTS,
    Voice,
    cast_voice,
    envelope,
    is_available,
    speak,
    talk,
)

pytestmark = pytest.mark.skipif(not is_available(), reason="espeak-ng is not installed")


def _voice(language: str = "en-us", variant: str = "m3", shift: float = 1.0) -> Voice:
    return Voice(language, variant, 150, 50, 50, shift)


def test_same_seed_gives_the_same_talk():
    one, other = (
        talk(rng := np.random.default_rng(3), 4.0, [cast_voice(rng, is_held_out=False)])
        for _ in range(2)
    )
    assert np.array_equal(one.sound, other.sound)
    assert one.phonemes == other.phonemes
    assert one.sound.shape == (4 * SOUND_RATE_HZ,)
    assert 0.05 <= np.abs(one.sound).max() <= 0.91


@pytest.mark.parametrize("shift", [0.87, 1.0, 1.15])
def test_silence_before_plosives_ends_at_their_release(shift):
    (said,) = speak([(_voice(shift=shift), "a papa, a pepper, a potato, a cup of puppets")])
    loud = envelope(said.sound, 0.004)
    loud /= np.percentile(loud, 95)
    plosives = [p for p in said.phonemes if p.symbol == "p"]
    assert len(plosives) >= 6
    before, after = [], []
    for phoneme in plosives:
        at = round(phoneme.release_s * SOUND_RATE_HZ)
        before.append(loud[at - 960 : at - 480].max())
        after.append(loud[at : at + 960].max())
    assert np.median(before) < 0.03
    assert np.median(after) > 0.1


def test_vowels_are_loud_from_their_onset():
    (said,) = speak([(_voice(), "papa kata poker baker topic")])
    loud = envelope(said.sound, 0.01)
    vowels = [p for p in said.phonemes if p.symbol[0] in "ɑaɒoʌæ"]
    assert vowels
    for phoneme in vowels:
        middle = round((phoneme.start_s + phoneme.end_s) / 2 * SOUND_RATE_HZ)
        assert loud[middle] > 0.2 * loud.max()


def test_every_language_and_variant_is_known_to_espeak():
    voices = [_voice(language=x) for x in LANGUAGES + HELD_OUT_LANGUAGES]
    voices += [_voice(variant=x) for x in VARIANTS + HELD_OUT_VARIANTS]
    said = speak([(voice, "mama") for voice in voices])
    assert all(u.phonemes and np.abs(u.sound).max() > 0.01 for u in said)


def test_held_out_voices_are_never_trained_on():
    assert not set(LANGUAGES) & set(HELD_OUT_LANGUAGES)
    assert not set(VARIANTS) & set(HELD_OUT_VARIANTS)


def test_two_voices_do_not_speak_at_once():
    rng = np.random.default_rng(5)
    said = talk(rng, 12.0, [cast_voice(rng, is_held_out=False) for _ in range(2)])
    spans = [[(p.start_s, p.end_s) for p in track] for track in said.phonemes]
    assert all(spans)
    for begin, end in spans[0]:
        assert not any(b < end - 0.05 and begin < e - 0.05 for b, e in spans[1])
