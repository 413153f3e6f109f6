from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core.detection.result import Reason
from core.errors import DetectionError, MediaError
from core.timing import SAMPLES_PER_FRAME
from training.benchmark.clips import Audio, read_audio, read_recording


def _ramp(n_frames: int) -> Audio:
    n_samples = n_frames * SAMPLES_PER_FRAME
    return Audio(np.arange(n_samples, dtype=np.float32), np.ones(n_samples, np.bool_))


@pytest.mark.parametrize("offset_s", [-1.0, -0.101, 0.0, 0.25, 3.0])
def test_early_sound_has_at_each_sample_what_came_an_offset_later(offset_s: float) -> None:
    shift = round(offset_s * 16000)
    shifted = _ramp(50).shifted(offset_s)
    expected = np.arange(50 * SAMPLES_PER_FRAME) + shift
    is_there = (expected >= 0) & (expected < len(expected))
    np.testing.assert_array_equal(shifted.has_sample, is_there)
    np.testing.assert_array_equal(shifted.waveform, np.where(is_there, expected, 0))


def test_a_frame_has_audio_only_if_all_its_samples_do() -> None:
    assert _ramp(10).shifted(0.05).has_audio.tolist() == [True] * 8 + [False] * 2
    assert _ramp(10).shifted(-0.05).has_audio.tolist() == [False] * 2 + [True] * 8


def test_sound_of_another_length_is_cut_or_ends_early() -> None:
    assert len(_ramp(10).of_length(6).waveform) == 6 * SAMPLES_PER_FRAME
    assert _ramp(4).of_length(6).has_audio.tolist() == [True] * 4 + [False] * 2


def test_backwards_the_last_sample_comes_first() -> None:
    backwards = _ramp(50).shifted(0.5).backwards()
    assert backwards.waveform[-1] == 8000
    assert not backwards.has_sample[:8000].any()
    assert backwards.has_sample[8000:].all()


def test_sound_alone_is_the_sound_of_the_whole_clip(make_clip: Callable[..., Path]) -> None:
    path = make_clip(duration_s=6.0, audio_start_s=0.3)
    recording, audio = read_recording(path), read_audio(path)
    n_samples = min(len(audio.waveform), len(recording.audio.waveform))
    assert n_samples >= 5.9 * 16000
    np.testing.assert_array_equal(audio.waveform[:n_samples], recording.audio.waveform[:n_samples])


def test_chunks_carry_the_sound_they_are_given(make_clip: Callable[..., Path]) -> None:
    recording = read_recording(make_clip(duration_s=6.0))
    shifted = recording.audio.shifted(1.0)
    chunks = list(recording.with_audio(shifted))
    np.testing.assert_array_equal(
        np.concatenate([chunk.waveform for chunk in chunks]), shifted.waveform
    )
    assert [c.first_frame for c in chunks] == [c.first_frame for c in recording.chunks]
    assert not chunks[-1].has_audio.any()
    assert recording.obstacle is Reason.NONE


def test_clips_shorter_than_a_window_are_refused(make_clip: Callable[..., Path]) -> None:
    with pytest.raises(DetectionError, match=r"clip\.mp4 has 3\.\d s"):
        read_recording(make_clip(duration_s=3.0))


def test_a_clip_without_sound_is_named(make_clip: Callable[..., Path]) -> None:
    with pytest.raises(MediaError, match=r"clip\.mp4 has no audio"):
        read_recording(make_clip(audio=False))
