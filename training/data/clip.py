"""A clip as training sees it: pictures and sound of one length, from the decoder of detection.

Cutting it into segments is left to `training.data.window_positions`.
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
    """Pictures and sound that begin and end together; sample 640 n belongs to the start of frame n.

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
    """Decode what a file has of both picture and sound, from the first such moment on.

    Where both streams start together, as in prepared clips, that is their first sample and frame.

    Args:
        path: Any media file.
        longest_s: What comes later is left out; None keeps everything.
        legacy_priming: Drop the first 1024 samples of sound that begins with an encoder's priming,
            as the decoder did with which the published models for VGGSound and AudioSet were made:
            sound is then 64 ms early. Of use to reach published scores only.

    Raises:
        MediaError: The file is missing, damaged, has no picture or no sound, or never both.
    """
    info = probe(path)
    video, audio = _streams(info)
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
            f"{path} never has picture and sound at the same time; leave it out or export it "
            "again.",
            path=path,
        )
    return clip


def _streams(info: MediaInfo) -> tuple[VideoStream, AudioStream]:
    video = info.video
    if video is None or not info.audios:
        what = "picture" if video is None else "sound"
        raise MediaError(
            f"{info.path} has no {what}; clips to learn from need both.", path=info.path
        )
    return video, info.audios[0]


def _joined(decoder: ClipDecoder, n_longest: int | None) -> Clip | None:
    """Return the moments from the first to the last one that have both, as far as wanted."""
    chunks: list[ClipChunk] = []
    begin: int | None = None
    n_read = 0
    for chunk in decoder:
        both = np.flatnonzero(chunk.has_video & chunk.has_audio)
        if begin is None and len(both):
            begin = n_read + int(both[0])
        chunks.append(chunk)
        n_read += len(chunk.frames)
        # One more shows whether there is more than what is wanted.
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
    """Return how many frames the published pipeline keeps.

    It calculates in seconds and cuts off, so that some lengths lose a frame: 226 become 225.
    """
    n_kept = int(VIDEO_FPS * (n_frames / VIDEO_FPS))
    return n_kept if n_longest is None else min(n_kept, n_longest)


def _begins_with_priming(path: Path, audio: AudioStream) -> bool:
    """Tell whether the first packet of the sound lies before the time that the file calls 0."""
    with open_container(path) as container:
        packets = container.demux(container.streams[audio.index])
        try:
            first = next(itertools.islice(packets, 1), None)
        except FFmpegError:
            return False
        return first is not None and first.pts is not None and first.pts < 0
