import numpy as np
import pytest
from numpy.typing import NDArray

from core.detection.signals.correlation import AudioSignals
from core.detection.signals.onsets import TICKS_PER_FRAME
from core.media.decoder import ClipChunk
from core.timing import SAMPLES_PER_FRAME

EVENTS = np.array([80, 91, 110, 117, 140, 152, 160, 179, 185, 198])
"""Analysis frames with a click."""


def _chunks(first_frame: int, n_frames: int) -> list[ClipChunk]:
    """Clicks and faint noise, in chunks of 25 frames."""
    wave = 1e-4 * np.random.default_rng(1).standard_normal(n_frames * SAMPLES_PER_FRAME)
    for frame in EVENTS - first_frame:
        wave[frame * SAMPLES_PER_FRAME :][:300] += np.hanning(300)[::-1]
    is_present = np.ones(25, np.bool_)
    return [
        ClipChunk(
            first_frame + i,
            np.zeros((25, 2, 2, 3), np.uint8),
            wave[i * SAMPLES_PER_FRAME : (i + 25) * SAMPLES_PER_FRAME].astype(np.float32),
            is_present,
            is_present,
        )
        for i in range(0, n_frames, 25)
    ]


def _signals(first_frame: int) -> AudioSignals:
    signals = AudioSignals(range_s=0.6)
    signals.begin(first_frame)
    for chunk in _chunks(first_frame, 250):
        signals.append(chunk)
    signals.finish()
    return signals


def _motion(shift: int) -> NDArray[np.float32]:
    """Motion, (1, 120), at the frames from 80 on, late by some frames."""
    motion = np.zeros((1, 120), np.float32)
    events = EVENTS + shift - 80
    motion[0, events[(events >= 0) & (events < 120)]] = 1
    return motion


@pytest.mark.parametrize("first_frame", [0, 30])
@pytest.mark.parametrize("shift", [0, 5, -10])
def test_motion_after_its_audio_gives_a_positive_offset(first_frame: int, shift: int) -> None:
    likelihood = _signals(first_frame).lagged(80, 120, 0).log_likelihood(_motion(shift))
    assert likelihood.shape == (1, 121)
    offset_ticks = int(likelihood.argmax()) - 60
    assert offset_ticks == pytest.approx(shift * TICKS_PER_FRAME, abs=3)


def test_lead_of_the_motion_moves_the_offset() -> None:
    signals = _signals(0)
    peaks = [int(signals.lagged(80, 120, n).log_likelihood(_motion(0)).argmax()) for n in (0, 4)]
    assert peaks[0] - peaks[1] == 4


def test_dropped_audio_is_missing() -> None:
    signals = _signals(0)
    signals.keep((200, 250))
    assert not signals.lagged(0, 60, 0).log_likelihood(_motion(0)[:, :60]).any()
