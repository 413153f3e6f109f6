"""Decoding a clip once, in order, onto the analysis clock."""

import contextlib
import math
import queue
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from typing import Self

import numpy as np
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from core.errors import MediaError
from core.media.audio_line import AudioLine
from core.media.formats.contents import check_decodable
from core.media.info import MediaInfo, clip_start
from core.media.reader import StreamReader
from core.media.video_grid import VideoGrid
from core.progress import SILENT, Monitor
from core.timing import SAMPLES_PER_FRAME, VIDEO_FPS

_CHUNK_FRAMES = VIDEO_FPS
_CHUNKS_AHEAD = 3
_POLL_S = 0.05

_SHORTFALL_S = 1.0
"""Stated durations are rounded and padded; a larger shortfall means truncation."""


@dataclass(frozen=True, slots=True, eq=False)
class ClipChunk:
    """A piece of a clip on the analysis clock, video and audio of the same clip time.

    Before and after the video of the file, the nearest frame is held. Without audio, samples are
    zero. `has_video` and `has_audio` mark both.

    Attributes:
        first_frame: Analysis frame number of the first frame, counted from clip time 0.
        frames: (T, H, W, 3) uint8 RGB at 25 fps, short side 256 px, rotation applied;
            of a long side over 2048 px the middle.
        waveform: (T * 640,) float32 mono at 16 kHz, nominally within -1..1.
        has_video: (T,) bool, whether the file has video at that frame.
        has_audio: (T,) bool, whether the file has audio during all of that frame's 640 samples.
        is_margin: Whether the chunk lies before or behind the requested frames and has audio only;
            all its frames are the nearest one, read-only, and `has_video` is False.
    """

    first_frame: int
    frames: NDArray[np.uint8]
    waveform: NDArray[np.float32]
    has_video: NDArray[np.bool_]
    has_audio: NDArray[np.bool_]
    is_margin: bool = False


class ClipDecoder:
    """Iterates over a clip in chunks of about a second, decoding ahead in a thread of its own.

    To be used in a with statement; its end stops the thread and closes the file in every case.
    Video and audio come from a container each, read in lock-step, so memory stays bounded for any
    length of the clip and any order of its packets.

    Iterating raises MediaError if video or audio cannot be decoded at all, and Cancelled if the
    monitor is cancelled. Damage in between becomes a warning.

    Attributes:
        warnings: Sentences about missing or damaged parts, complete after the iteration.
    """

    def __init__(
        self,
        info: MediaInfo,
        *,
        video_stream_index: int,
        audio_stream_index: int,
        audio_shift_samples: int = 0,
        first_frame: int = 0,
        n_frames: int | None = None,
        n_margin_frames: int = 0,
        monitor: Monitor = SILENT,
    ) -> None:
        """Choose the streams and frames to decode.

        Args:
            info: The probed file.
            video_stream_index: Video stream of the container.
            audio_stream_index: Audio stream of the container.
            audio_shift_samples: Shift at 16 kHz; positive takes audio from later in the file and so
                makes it early: output sample n is the file's sample n + shift.
            first_frame: First analysis frame.
            n_frames: Largest number of analysis frames; None for all up to the end of the clip.
            n_margin_frames: Number of analysis frames before (not before clip time 0) and behind,
                delivered with audio only, in chunks of their own.
            monitor: Checked between chunks.

        Raises:
            ValueError: There is no such stream or frame.
        """
        video = next((v for v in info.videos if v.index == video_stream_index), None)
        audio = next((a for a in info.audios if a.index == audio_stream_index), None)
        if video is None or audio is None:
            raise ValueError(
                f"video streams are {[v.index for v in info.videos]} and audio streams "
                f"{[a.index for a in info.audios]}, got {video_stream_index}, {audio_stream_index}"
            )
        if first_frame < 0 or (n_frames is not None and n_frames < 0):
            raise ValueError(f"frames are counted from 0, got {first_frame} and {n_frames}")
        self.warnings: tuple[str, ...] = ()
        self._info, self._video, self._audio = info, video, audio
        self._audio_shift_samples = audio_shift_samples
        self._first_frame, self._n_frames = first_frame, n_frames
        self._n_margin_frames = n_margin_frames
        self._monitor = monitor
        self._chunks: queue.Queue[ClipChunk | None] = queue.Queue(_CHUNKS_AHEAD)
        self._stop = threading.Event()
        self._executor: ThreadPoolExecutor | None = None
        self._outcome: Future[tuple[str, ...]] | None = None

    def __enter__(self) -> Self:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="clip-decoder")
        self._outcome = self._executor.submit(self._produce)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._executor is not None:
            self._executor.shutdown(wait=True)

    def __iter__(self) -> Iterator[ClipChunk]:
        """Yield the chunks in order; a second iteration continues the first one."""
        if self._outcome is None:
            raise RuntimeError("a ClipDecoder is iterated inside its with statement")
        while not self._stop.is_set():
            self._monitor.check()
            try:
                chunk = self._chunks.get(timeout=_POLL_S)
            except queue.Empty:
                continue
            if chunk is None:
                self._stop.set()
                self.warnings = self._outcome.result()
                return
            yield chunk

    def _produce(self) -> tuple[str, ...]:
        """Decode into the queue, in the thread, and return the warnings."""
        path = self._info.path
        try:
            check_decodable(path, self._info.container)
            with (
                StreamReader(path, self._video.index, VideoFrame, self._stop) as video_reader,
                StreamReader(path, self._audio.index, AudioFrame, self._stop) as audio_reader,
            ):
                zero = clip_start(self._video, self._audio)
                video = VideoGrid(video_reader, self._info, self._video, zero, self._first_frame)
                n_before = min(self._n_margin_frames, self._first_frame)
                begin = self._first_frame - n_before
                first_sample = begin * SAMPLES_PER_FRAME + self._audio_shift_samples
                audio = AudioLine(audio_reader, self._audio, zero, first_sample)
                if audio.is_empty:
                    raise MediaError(
                        f"{path.name} has sound ({self._audio.codec}) that cannot be decoded; "
                        "export it again.",
                        path=path,
                        details=audio_reader.failure,
                    )
                self._read_margin(video, audio, begin, n_before)
                end = self._read_chunks(video, audio)
                if not audio.at_end:
                    self._read_margin(video, audio, end, self._n_margin_frames)
                return (
                    *_damage_warnings(path.name, "picture", video_reader.n_damaged),
                    *_damage_warnings(
                        path.name, "sound", audio_reader.n_damaged + audio.n_silenced
                    ),
                    *self._shortfall_warnings(video, audio),
                )
        finally:
            self._put(None)

    def _read_margin(
        self, video: VideoGrid, audio: AudioLine, first_frame: int, n_frames: int
    ) -> None:
        for begin in range(0, n_frames, _CHUNK_FRAMES):
            n_read = min(_CHUNK_FRAMES, n_frames - begin)
            held = video.held()
            waveform, has_audio, _ = _read_audio(audio, n_read)
            chunk = ClipChunk(
                first_frame + begin,
                np.broadcast_to(held, (n_read, *held.shape)),
                waveform,
                np.zeros(n_read, np.bool_),
                has_audio,
                is_margin=True,
            )
            self._put(chunk)

    def _read_chunks(self, video: VideoGrid, audio: AudioLine) -> int:
        """Read the requested frames; return the analysis frame behind them or behind the clip."""
        first_frame = self._first_frame
        n_wanted = math.inf if self._n_frames is None else self._n_frames
        while n_wanted > 0 and not self._stop.is_set():
            n_frames = int(min(_CHUNK_FRAMES, n_wanted))
            frames, has_video, n_left = video.read(n_frames)
            waveform, has_audio, n_heard = _read_audio(audio, n_frames)
            n_left = max(n_left, n_heard)
            if n_left:
                self._put(
                    ClipChunk(
                        first_frame,
                        frames[:n_left],
                        waveform[: n_left * SAMPLES_PER_FRAME],
                        has_video[:n_left],
                        has_audio[:n_left],
                    )
                )
            first_frame += n_left
            if n_left < n_frames:
                break
            n_wanted -= n_frames
        return first_frame

    def _put(self, chunk: ClipChunk | None) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(queue.Full):
                self._chunks.put(chunk, timeout=_POLL_S)
                return

    def _shortfall_warnings(self, video: VideoGrid, audio: AudioLine) -> Iterator[str]:
        """Compare the ends of the streams with the durations stated by the file."""
        if not (video.at_end and audio.at_end):
            return
        name = self._info.path.name
        zero = clip_start(self._video, self._audio)
        ends = (("picture", self._video, video), ("sound", self._audio, audio))
        stated = [(what, float(line.end_time), s) for what, s, line in ends if s.duration_s]
        if stated:
            for what, end_s, stream in stated:
                stated_s = stream.start_s + (stream.duration_s or 0.0)
                yield from _shortfall(name, f"the {what} ends", end_s, stated_s, zero)
        else:
            end_s = float(max(video.end_time, audio.end_time))
            stated_s = float(zero) + self._info.duration_s
            yield from _shortfall(name, "picture and sound end", end_s, stated_s, zero)


def _read_audio(
    audio: AudioLine, n_frames: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_], int]:
    """Read audio for a number of analysis frames.

    Returns:
        waveform: (n_frames * 640,) float32.
        has_audio: (n_frames,) bool.
        n_left: Number of these frames before the end of the audio.
    """
    waveform, has_sample, n_left = audio.read(n_frames * SAMPLES_PER_FRAME)
    has_audio: NDArray[np.bool_] = np.logical_and.reduce(
        has_sample.reshape(n_frames, SAMPLES_PER_FRAME), axis=1
    )
    return waveform, has_audio, math.ceil(n_left / SAMPLES_PER_FRAME)


def _damage_warnings(name: str, what: str, n_damaged: int) -> Iterator[str]:
    if n_damaged:
        places = "one place, which was" if n_damaged == 1 else f"{n_damaged} places, which were"
        yield f"{name}: the {what} is damaged in {places} left out."


def _shortfall(
    name: str, what: str, end_s: float, stated_s: float, zero: Fraction
) -> Iterator[str]:
    if stated_s - end_s > _SHORTFALL_S:
        yield (
            f"{name}: {what} after {end_s - float(zero):.1f} s although the file states "
            f"{stated_s - float(zero):.1f} s; it is cut off or damaged, and only the part that is "
            "there was used."
        )
