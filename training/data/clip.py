"""Interim until the data part arrives."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.media.decode import ClipDecoder
from core.media.probe import probe


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    frames: NDArray[np.uint8]
    waveform: NDArray[np.float32]


def read_clip(path: Path, longest_s: float | None = None) -> Clip:
    info = probe(path)
    n_frames = None if longest_s is None else int(longest_s * 25)
    with ClipDecoder(
        info,
        video_stream_index=info.videos[0].index,
        audio_stream_index=info.audios[0].index,
        n_frames=n_frames,
    ) as decoder:
        chunks = list(decoder)
    return Clip(
        np.concatenate([chunk.frames for chunk in chunks]),
        np.concatenate([chunk.waveform for chunk in chunks]),
    )
