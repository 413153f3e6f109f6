"""What is judged of a file: which streams, and which part of them."""

import math
from dataclasses import dataclass

from core.detection.config import DetectionConfig
from core.detection.schedule.chunks import Chunk
from core.errors import DetectionError, MediaError
from core.media.info import AudioStream, MediaInfo, VideoStream
from core.model.synchformer.dimensions import CROP_FRAMES
from core.timing import AUDIO_RATE_HZ, SAMPLES_PER_FRAME, VIDEO_FPS

BEYOND_S = 1.5
"""Engines hear so much farther than the range: for the trend of a signal, or for coarse shifts."""

USUAL_REACH_S = 2.0
"""However narrow the range, the built-in network hears as much as in its training."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What is to be judged.

    Attributes:
        whole: All of it.
        n_expected: About how many analysis frames that is.
        audio_shift_samples: By so many the sound is made early.
        n_margin_frames: For so many analysis frames beyond, or beyond a part of it, there is sound
            to judge by too.
        warning: What was adjusted, empty if nothing was.
    """

    whole: Chunk
    n_expected: int
    audio_shift_samples: int
    n_margin_frames: int
    warning: str = ""


def scope_of(info: MediaInfo, config: DetectionConfig) -> Scope:
    """Apply the simulated offset; find the region, or the 5 s crop of the window, asked for.

    The truncations are those of the published evaluation (v-iashin/Synchformer at b66668a).

    Raises:
        DetectionError: The region begins behind the clip, or the sound of the crop before it.
    """
    offset_s = round(config.simulate_offset_s, 2)
    if config.window_start_s is None:
        return _region(info, config, int(offset_s * AUDIO_RATE_HZ))
    first_frame = int(config.window_start_s * VIDEO_FPS)
    first_sample = int((config.window_start_s + offset_s) * AUDIO_RATE_HZ)
    if first_sample < -SAMPLES_PER_FRAME:
        raise DetectionError(
            f"A simulated offset of {offset_s:g} s needs sound from before the start of"
            f" {info.path.name}; let the window start at {-offset_s:g} s or later.",
            path=info.path,
        )
    shift = max(first_sample, 0) - first_frame * SAMPLES_PER_FRAME
    # The published evaluation hears nothing beyond the crop.
    return Scope(Chunk(first_frame, CROP_FRAMES), CROP_FRAMES, shift, 0)


def choose_streams(info: MediaInfo, config: DetectionConfig) -> tuple[VideoStream, AudioStream]:
    """Return the picture and the sound to judge.

    Raises:
        MediaError: One of them is missing.
    """
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


def _region(info: MediaInfo, config: DetectionConfig, audio_shift_samples: int) -> Scope:
    n_clip = max(1, round(info.duration_s * VIDEO_FPS))
    first_frame = round(config.start_s * VIDEO_FPS)
    if info.duration_s and first_frame >= n_clip:
        raise DetectionError(
            f"{info.path.name} is {info.duration_s:.1f} s long, so no part of it starts at"
            f" {config.start_s:g} s; choose an earlier start.",
            path=info.path,
        )
    n_left = max(1, n_clip - first_frame)
    n_margin_frames = math.ceil((max(config.range_s, USUAL_REACH_S) + BEYOND_S) * VIDEO_FPS)
    if config.end_s is None:
        return Scope(Chunk(first_frame, None), n_left, audio_shift_samples, n_margin_frames)
    n_frames = round(config.end_s * VIDEO_FPS) - first_frame
    warning = ""
    if info.duration_s and n_frames > n_left + VIDEO_FPS:
        warning = f"The clip ends at {info.duration_s:.1f} s, before the end of the part asked for."
        n_frames = n_left + VIDEO_FPS
    n_expected = min(n_frames, n_left) if info.duration_s else n_frames
    return Scope(
        Chunk(first_frame, n_frames),
        max(1, n_expected),
        audio_shift_samples,
        n_margin_frames,
        warning,
    )
