"""Decoding whole clips, and finding their flashes and beeps."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from core.media.decoder import ClipChunk, ClipDecoder
from core.media.probe import probe
from core.timing import AUDIO_RATE_HZ, VIDEO_FPS


@dataclass(frozen=True, slots=True, eq=False)
class DecodedClip:
    """All chunks of a clip, single and joined."""

    chunks: list[ClipChunk]
    frames: NDArray[np.uint8]
    waveform: NDArray[np.float32]
    has_video: NDArray[np.bool_]
    has_audio: NDArray[np.bool_]
    warnings: tuple[str, ...]

    def flash_times(self) -> NDArray[np.float64]:
        brightness = self.frames.mean(axis=(1, 2, 3))
        return (np.flatnonzero(np.diff(brightness) > 25) + 1) / VIDEO_FPS

    def beep_times(self) -> NDArray[np.float64]:
        loud = np.flatnonzero(np.abs(self.waveform) > 0.15)
        is_first = np.diff(loud, prepend=-AUDIO_RATE_HZ) > 0.2 * AUDIO_RATE_HZ
        return loud[is_first] / AUDIO_RATE_HZ

    def offsets_near(self, expected_s: float) -> NDArray[np.float64]:
        """Flash minus beep, in seconds, for each flash with a beep near the expected time."""
        flashes, beeps = self.flash_times(), self.beep_times()
        nearest = [beeps[np.argmin(np.abs(flash - expected_s - beeps))] for flash in flashes]
        offsets = flashes - np.array(nearest)
        return offsets[np.abs(offsets - expected_s) < 0.1]


@pytest.fixture
def open_clip() -> Callable[..., ClipDecoder]:
    """Return a function that probes a file and makes a decoder of its first streams."""

    def open_file(path: Path, **options: object) -> ClipDecoder:
        info = probe(path)
        assert info.video is not None
        streams = {
            "video_stream_index": info.video.index,
            "audio_stream_index": info.audios[0].index,
        }
        return ClipDecoder(info, **(streams | options))  # type: ignore[arg-type]

    return open_file


@pytest.fixture
def decode_clip(open_clip: Callable[..., ClipDecoder]) -> Callable[..., DecodedClip]:
    """Return a function that decodes a file to its end."""

    def decode(path: Path, **options: object) -> DecodedClip:
        with open_clip(path, **options) as decoder:
            chunks = list(decoder)
        return DecodedClip(
            chunks,
            np.concatenate([c.frames for c in chunks]),
            np.concatenate([c.waveform for c in chunks]),
            np.concatenate([c.has_video for c in chunks]),
            np.concatenate([c.has_audio for c in chunks]),
            decoder.warnings,
        )

    return decode
