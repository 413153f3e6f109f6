"""Scope of a detection: the streams and the part of a file to analyze."""

import math
from dataclasses import dataclass, replace
from pathlib import Path

from core.detection.cache.file_identity import file_identity
from core.detection.config import DetectionConfig
from core.detection.schedule.chunks import Chunk
from core.errors import DetectionError, MediaError
from core.media.info import AudioStream, MediaInfo, VideoStream
from core.media.probe import probe
from core.model.synchformer.dimensions import CROP_FRAMES
from core.timing import AUDIO_RATE_HZ, SAMPLES_PER_FRAME, VIDEO_FPS

BEYOND_S = 1.5
"""Audio that engines need beyond the range: for the trend of a signal, or for coarse shifts."""

USUAL_REACH_S = 2.0
"""Least reach of the audio: the built-in network needs as much as in training,
whatever the range."""


@dataclass(frozen=True, slots=True)
class Scope:
    """A probed file with the streams and the part to analyze.

    Attributes:
        info: The file.
        config: Options of the detection.
        video: Video stream to analyze.
        audio: Audio stream to analyze.
        whole: Part to analyze.
        n_expected: Length of the part in analysis frames, approximate.
        audio_shift_samples: Shift that makes the audio early by this many samples.
        n_margin_frames: Length of the audio around the part, on either side, in analysis frames.
        identity: `file_identity` from before the probe; None if it is not known.
        warning: Adjustment made to the part; empty if none.
    """

    info: MediaInfo
    config: DetectionConfig
    video: VideoStream
    audio: AudioStream
    whole: Chunk
    n_expected: int
    audio_shift_samples: int
    n_margin_frames: int
    identity: str | None = None
    warning: str = ""


def read_scope(path: Path, config: DetectionConfig) -> Scope:
    """Probe a file, once, and find the scope of its detection.

    Raises:
        MediaError: The file cannot be read, or has no video or audio.
        DetectionError: As in `scope_of`.
    """
    identity = file_identity(path)
    return replace(scope_of(probe(path), config), identity=identity)


def stream_scopes(scope: Scope) -> tuple[Scope, ...]:
    """Scopes of all audio streams of a file, in the order of the container.

    The configuration of the first one names no stream, so its answers are shared with detections
    that do not choose a stream either.
    """
    indices = (None, *(audio.index for audio in scope.info.audios[1:]))
    return tuple(
        replace(
            scope_of(scope.info, replace(scope.config, audio_stream_index=index)),
            identity=scope.identity,
        )
        for index in indices
    )


def scope_of(info: MediaInfo, config: DetectionConfig) -> Scope:
    """Choose the streams, and the part: the region, or the 5 s crop of the single window.

    The simulated offset becomes a shift of the audio. Truncations follow the published evaluation
    (v-iashin/Synchformer at b66668a).

    Raises:
        MediaError: The file has no video, no audio, or no such audio stream.
        DetectionError: The region begins after the end of the clip, or the audio of the crop
            before its start.
    """
    video, audio = _choose_streams(info, config)
    offset_s = round(config.simulate_offset_s, 2)
    if config.window_start_s is None:
        whole, n_expected, warning = _region(info, config)
        shift = int(offset_s * AUDIO_RATE_HZ)
        n_margin_frames = math.ceil((max(config.range_s, USUAL_REACH_S) + BEYOND_S) * VIDEO_FPS)
    else:
        first_frame = int(config.window_start_s * VIDEO_FPS)
        first_sample = int((config.window_start_s + offset_s) * AUDIO_RATE_HZ)
        if first_sample < -SAMPLES_PER_FRAME:
            raise DetectionError(
                f"A simulated offset of {offset_s:g} s needs sound from before the start of"
                f" {info.path.name}; let the window start at {-offset_s:g} s or later.",
                path=info.path,
            )
        whole, n_expected, warning = Chunk(first_frame, CROP_FRAMES), CROP_FRAMES, ""
        shift = max(first_sample, 0) - first_frame * SAMPLES_PER_FRAME
        # The published evaluation has no audio beyond the crop.
        n_margin_frames = 0
    return Scope(
        info, config, video, audio, whole, n_expected, shift, n_margin_frames, warning=warning
    )


def _choose_streams(info: MediaInfo, config: DetectionConfig) -> tuple[VideoStream, AudioStream]:
    name = info.path.name
    if info.video is None:
        found = "only a still cover picture" if info.videos else "no picture"
        raise MediaError(f"{name} has {found}; choose a file with moving picture.", path=info.path)
    if not info.audios:
        raise MediaError(f"{name} has no sound; choose a file with an audio track.", path=info.path)
    wanted = config.audio_stream_index
    if wanted is None:
        return info.video, info.audios[0]
    for audio in info.audios:
        if audio.index == wanted:
            return info.video, audio
    raise MediaError(f"{name} has no audio stream {wanted}; {info.audio_choice}.", path=info.path)


def _region(info: MediaInfo, config: DetectionConfig) -> tuple[Chunk, int, str]:
    """Region in analysis frames, its approximate length, and a warning if it was shortened."""
    n_clip = max(1, round(info.duration_s * VIDEO_FPS))
    first_frame = round(config.start_s * VIDEO_FPS)
    if info.duration_s and first_frame >= n_clip:
        raise DetectionError(
            f"{info.path.name} is {info.duration_s:.1f} s long, so no part of it starts at"
            f" {config.start_s:g} s; choose an earlier start.",
            path=info.path,
        )
    n_left = max(1, n_clip - first_frame)
    if config.end_s is None:
        return Chunk(first_frame, None), n_left, ""
    n_frames = round(config.end_s * VIDEO_FPS) - first_frame
    warning = ""
    if info.duration_s and n_frames > n_left + VIDEO_FPS:
        warning = f"The clip ends at {info.duration_s:.1f} s, before the end of the part asked for."
        n_frames = n_left + VIDEO_FPS
    n_expected = min(n_frames, n_left) if info.duration_s else n_frames
    return Chunk(first_frame, n_frames), max(1, n_expected), warning
