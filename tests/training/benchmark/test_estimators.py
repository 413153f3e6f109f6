from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core.detection.answer.estimate import estimate_offset
from core.detection.config import DetectionConfig
from core.timing import AUDIO_RATE_HZ, SAMPLES_PER_FRAME
from training.benchmark.clips import read_recording
from training.benchmark.estimators import (
    VARIANTS,
    analyze,
    heard_ticks,
    measure_audio,
    measure_motion,
)

FLASH_S = 0.08
"""The flash goes out after this time, which is as much motion as its beginning."""


@pytest.mark.parametrize("offset_s", [-1.4, 0.2])
def test_every_variant_finds_the_offset_of_flash_and_beep_with_its_sign(
    make_clip: Callable[..., Path], offset_s: float
) -> None:
    recording = read_recording(make_clip(offset_s=offset_s))
    config = DetectionConfig()
    audio = recording.audio
    evidence = analyze(measure_motion(recording.chunks), audio.waveform, audio.has_sample, config)
    assert len(evidence) == len(VARIANTS) == 3
    for name, found in zip(VARIANTS, evidence, strict=True):
        answer_s = estimate_offset(found, config).offset_s
        assert answer_s == pytest.approx(offset_s, abs=FLASH_S + 0.02), name


def test_a_shift_moves_the_answer_by_as_much(make_clip: Callable[..., Path]) -> None:
    recording = read_recording(make_clip())
    config = DetectionConfig()
    motion = measure_motion(recording.chunks)
    index = VARIANTS.index("top-200 motion × spectral flux")
    answers_s = {}
    for offset_s in (-0.73, 0.0, 0.41):
        audio = recording.audio.shifted(offset_s)
        found = analyze(motion, audio.waveform, audio.has_sample, config)[index]
        answers_s[offset_s] = estimate_offset(found, config).offset_s
    for offset_s, answer_s in answers_s.items():
        assert answer_s - answers_s[0.0] == pytest.approx(offset_s, abs=0.02)


def test_rise_and_flux_are_centred_on_the_tick_of_a_click() -> None:
    waveform = np.zeros(AUDIO_RATE_HZ, np.float32)
    waveform[8000:8160] = 0.5
    _, rise, flux = measure_audio(waveform)
    assert len(rise) == len(flux) == 100
    for signal in (rise, flux):
        centre = np.average(np.arange(100), weights=signal)
        assert centre == pytest.approx(50, abs=1)


def test_gain_changes_level_only_by_a_constant_and_nothing_else() -> None:
    waveform = np.random.default_rng(0).standard_normal(AUDIO_RATE_HZ).astype(np.float32)
    loud, quiet = measure_audio(waveform), measure_audio(waveform / np.float32(64))
    np.testing.assert_allclose(loud[1:], quiet[1:], atol=1e-4)
    inner = slice(4, -4)
    assert np.ptp(loud[0][inner] - quiet[0][inner]) < 1e-4


def test_ticks_near_missing_sound_are_not_heard() -> None:
    has_sample = np.ones(AUDIO_RATE_HZ, np.bool_)
    has_sample[8000 : 8000 + SAMPLES_PER_FRAME] = False
    heard = heard_ticks(has_sample)
    assert len(heard) == 100
    assert heard[10:44].all()
    assert not heard[47:58].any()
    assert heard[60:90].all()


def test_silence_says_nothing_about_any_offset(make_clip: Callable[..., Path]) -> None:
    recording = read_recording(make_clip(silent=True))
    silent = np.zeros_like(recording.audio.waveform)
    evidence = analyze(
        measure_motion(recording.chunks), silent, recording.audio.has_sample, DetectionConfig()
    )
    assert all(np.ptp(item.log_likelihood) == 0 for found in evidence for item in found)
