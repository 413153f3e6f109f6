"""Clips of a benchmark in memory: decoded once, with audio shifted any number of times."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from av.audio.frame import AudioFrame
from numpy.typing import NDArray

from core.detection.result import Reason
from core.detection.signals.activity import ActivityMeter
from core.errors import DetectionError
from core.media.audio_line import AudioLine
from core.media.decoder import ClipChunk, ClipDecoder
from core.media.info import clip_start
from core.media.probe import probe
from core.media.reader import StreamReader
from core.model.synchformer.dimensions import WINDOW_FRAMES
from core.timing import AUDIO_RATE_HZ, SAMPLES_PER_FRAME, VIDEO_FPS
from training.data.clip import used_streams

LONGEST_S = 60.0
"""Longest part of a clip in use; a minute takes half a gigabyte of memory."""


@dataclass(frozen=True, slots=True, eq=False)
class Audio:
    """Audio on the analysis clock of a clip.

    Attributes:
        waveform: (T * 640,) float32 mono at 16 kHz; 0 in gaps.
        has_sample: (T * 640,) bool; False in gaps.
    """

    waveform: NDArray[np.float32]
    has_sample: NDArray[np.bool_]

    @property
    def has_audio(self) -> NDArray[np.bool_]:
        """(T,) bool: all 640 samples of the frame are there."""
        frames = self.has_sample.reshape(-1, SAMPLES_PER_FRAME)
        return np.asarray(frames.all(axis=1), np.bool_)

    def shifted(self, offset_s: float) -> "Audio":
        """Make the audio early by an offset: sample n of the result is sample n + offset."""
        n_samples = len(self.waveform)
        shift = round(offset_s * AUDIO_RATE_HZ)
        waveform = np.zeros_like(self.waveform)
        has_sample = np.zeros_like(self.has_sample)
        source = slice(max(shift, 0), max(min(n_samples + shift, n_samples), 0))
        n_kept = max(source.stop - source.start, 0)
        first = max(-shift, 0)
        waveform[first : first + n_kept] = self.waveform[source]
        has_sample[first : first + n_kept] = self.has_sample[source]
        return Audio(waveform, has_sample)

    def backwards(self) -> "Audio":
        """Reverse the audio in time."""
        return Audio(self.waveform[::-1].copy(), self.has_sample[::-1].copy())

    def of_length(self, n_frames: int) -> "Audio":
        """Cut the audio, or extend it by a gap, to a number of analysis frames."""
        n_samples = n_frames * SAMPLES_PER_FRAME
        n_missing = max(n_samples - len(self.waveform), 0)
        return Audio(
            np.pad(self.waveform[:n_samples], (0, n_missing)),
            np.pad(self.has_sample[:n_samples], (0, n_missing)),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """A decoded clip.

    Attributes:
        chunks: All chunks in the order of the decoder.
        audio: Audio of all chunks.
        obstacle: Reason against any answer, as in a detection.
    """

    chunks: tuple[ClipChunk, ...]
    audio: Audio
    obstacle: Reason

    @property
    def n_frames(self) -> int:
        return sum(len(chunk.frames) for chunk in self.chunks)

    @property
    def duration_s(self) -> float:
        return self.n_frames / VIDEO_FPS

    def with_audio(self, audio: Audio) -> Iterator[ClipChunk]:
        """Yield the chunks with other audio of the same length."""
        has_audio = audio.has_audio
        for chunk in self.chunks:
            begin, end = chunk.first_frame, chunk.first_frame + len(chunk.frames)
            yield ClipChunk(
                first_frame=begin,
                frames=chunk.frames,
                waveform=audio.waveform[begin * SAMPLES_PER_FRAME : end * SAMPLES_PER_FRAME],
                has_video=chunk.has_video,
                has_audio=has_audio[begin:end],
            )


def read_recording(path: Path) -> Recording:
    """Decode the first minute of a clip.

    Raises:
        MediaError: The file cannot be read, or lacks video or audio.
        DetectionError: Video and audio run together for less than one window.
    """
    info = probe(path)
    video, audio = used_streams(info)
    activity = ActivityMeter()
    chunks = []
    with ClipDecoder(
        info,
        video_stream_index=video.index,
        audio_stream_index=audio.index,
        n_frames=round(LONGEST_S * VIDEO_FPS),
    ) as decoder:
        for chunk in decoder:
            activity.measure(chunk)
            chunks.append(chunk)
    n_usable = sum(int((chunk.has_video & chunk.has_audio).sum()) for chunk in chunks)
    _require_window(path, n_usable, "with both video and audio")
    has_audio = np.concatenate([chunk.has_audio for chunk in chunks])
    recorded = Audio(
        np.concatenate([chunk.waveform for chunk in chunks]),
        np.repeat(has_audio, SAMPLES_PER_FRAME),
    )
    return Recording(tuple(chunks), recorded, activity.obstacle)


def read_audio(path: Path) -> Audio:
    """Decode the first minute of a clip's audio.

    Raises:
        MediaError: The file cannot be read, or lacks video or audio.
        DetectionError: The audio is shorter than one window.
    """
    info = probe(path)
    video, audio = used_streams(info)
    with StreamReader(path, audio.index, AudioFrame, threading.Event()) as reader:
        line = AudioLine(reader, audio, clip_start(video, audio), 0)
        waveform, has_sample, n_left = line.read(round(LONGEST_S * AUDIO_RATE_HZ))
    n_samples = n_left // SAMPLES_PER_FRAME * SAMPLES_PER_FRAME
    recorded = Audio(waveform[:n_samples], has_sample[:n_samples])
    _require_window(path, int(recorded.has_audio.sum()), "of audio")
    return recorded


def _require_window(path: Path, n_frames: int, of_what: str) -> None:
    if n_frames < WINDOW_FRAMES:
        raise DetectionError(
            f"{path.name} has {n_frames / VIDEO_FPS:.1f} s {of_what}; choose clips of at least"
            f" {WINDOW_FRAMES / VIDEO_FPS:g} s.",
            path=path,
        )
