"""Decoded clips for training: frames and audio of equal length, from the decoder of detection.

`training.data.window_positions` cuts them into segments.
"""

import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from av.error import FFmpegError
from numpy.typing import NDArray

from core.errors import MediaError
from core.media.decoder import ClipChunk, ClipDecoder
from core.media.info import AudioStream, MediaInfo, VideoStream
from core.media.probe import probe
from core.media.reader import open_container
from core.model.store.catalog import DROPPED_PRIMING_S
from core.timing import AUDIO_RATE_HZ, SAMPLES_PER_FRAME, VIDEO_FPS


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """Frames and audio of equal length; sample 640 n belongs to the start of frame n.

    Attributes:
        frames: (T, H, W, 3) uint8 RGB at 25 fps, short side 256 px.
        waveform: (T * 640,) float32 mono at 16 kHz, nominally within -1..1.
    """

    frames: NDArray[np.uint8]
    waveform: NDArray[np.float32]

    def __post_init__(self) -> None:
        if len(self.waveform) != SAMPLES_PER_FRAME * len(self.frames):
            raise ValueError(
                f"{len(self.frames)} frames need {SAMPLES_PER_FRAME * len(self.frames)} samples, "
                f"got {len(self.waveform)}"
            )

    @property
    def n_frames(self) -> int:
        return len(self.frames)


def read_clip(path: Path, longest_s: float | None = None, *, legacy_priming: bool = False) -> Clip:
    """Decode the part of a file with both video and audio.

    If both streams start together, as in prepared clips, the part begins at their start.

    Args:
        path: Any media file.
        longest_s: Longest part in seconds; None for no limit.
        legacy_priming: Drop the first 1024 samples of audio with encoder priming; audio is then
            64 ms early. The published models for VGGSound and AudioSet were trained with a decoder
            of this kind. Only for reproducing published scores.

    Raises:
        MediaError: The file is missing or damaged, has no video or no audio, or never both at once.
    """
    info = probe(path)
    video, audio = used_streams(info)
    is_dropped = legacy_priming and _begins_with_priming(path, audio)
    shift = round(DROPPED_PRIMING_S * AUDIO_RATE_HZ) if is_dropped else 0
    n_longest = None if longest_s is None else int(VIDEO_FPS * longest_s)
    with ClipDecoder(
        info,
        video_stream_index=video.index,
        audio_stream_index=audio.index,
        audio_shift_samples=shift,
    ) as decoder:
        clip = _joined(decoder, n_longest)
    if clip is None:
        raise MediaError(
            f"{path} never has video and audio at the same time; leave it out or export it again.",
            path=path,
        )
    return clip


def used_streams(info: MediaInfo) -> tuple[VideoStream, AudioStream]:
    """First video and audio stream of a clip.

    Raises:
        MediaError: The clip has no video or no audio.
    """
    video = info.video
    if video is None or not info.audios:
        missing = "video" if video is None else "audio"
        raise MediaError(f"{info.path} has no {missing}; clips need both.", path=info.path)
    return video, info.audios[0]


def _joined(decoder: ClipDecoder, n_longest: int | None) -> Clip | None:
    """Join the part from the first to the last moment with both streams, up to a length."""
    chunks: list[ClipChunk] = []
    begin: int | None = None
    n_read = 0
    for chunk in decoder:
        both = np.flatnonzero(chunk.has_video & chunk.has_audio)
        if begin is None and len(both):
            begin = n_read + int(both[0])
        chunks.append(chunk)
        n_read += len(chunk.frames)
        # One more frame shows if the clip is longer than the limit.
        if begin is not None and n_longest is not None and n_read > begin + n_longest:
            break
    if begin is None:
        return None
    has_video = np.concatenate([chunk.has_video for chunk in chunks])
    has_audio = np.concatenate([chunk.has_audio for chunk in chunks])
    end = 1 + min(int(np.flatnonzero(has_video)[-1]), int(np.flatnonzero(has_audio)[-1]))
    n_kept = _equalised(end - begin, n_longest)
    kept = slice(begin, begin + n_kept)
    heard = slice(SAMPLES_PER_FRAME * kept.start, SAMPLES_PER_FRAME * kept.stop)
    return Clip(
        np.concatenate([chunk.frames for chunk in chunks])[kept],
        np.concatenate([chunk.waveform for chunk in chunks])[heard],
    )


def _equalised(n_frames: int, n_longest: int | None) -> int:
    """Number of frames kept by the published pipeline.

    The pipeline truncates a length in seconds, so some lengths lose a frame: 226 become 225.
    """
    n_kept = int(VIDEO_FPS * (n_frames / VIDEO_FPS))
    return n_kept if n_longest is None else min(n_kept, n_longest)


def _begins_with_priming(path: Path, audio: AudioStream) -> bool:
    """Check if the first audio packet has a timestamp below 0, as with priming."""
    with open_container(path) as container:
        packets = container.demux(container.streams[audio.index])
        try:
            first = next(itertools.islice(packets, 1), None)
        except FFmpegError:
            return False
        return first is not None and first.pts is not None and first.pts < 0
