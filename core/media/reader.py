"""One stream of a file, decoded frame by frame. PyAV errors of reading are translated here."""

import logging
import os
import threading
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Generic, Self, TypeVar

import av
from av.audio.frame import AudioFrame
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Discard, Stream
from av.video.frame import VideoFrame

from core.errors import Cancelled, ExportError, MediaError

log = logging.getLogger(__name__)

_LISTS = frozenset({"concat", "dash", "hls", "imf"})
"""Formats that only refer to other files, not chosen by the user."""

_EXACT_BEHIND_SEEKS = frozenset({"matroska", "mov", "mpegts"})
"""Formats with a timestamp in each block of audio; others, such as AVI, count or guess."""

_END_BYTES = 16 << 20

UNREADABLE_TEXT = "surrogateescape"
"""Reading of tags that are not UTF-8: their bytes survive a copy."""

FrameT = TypeVar("FrameT", VideoFrame, AudioFrame)


def open_container(path: Path, *, shows_hidden: bool = False) -> InputContainer:
    """Open a media file for reading.

    Args:
        path: The file.
        shows_hidden: Whether packets are read that the edit lists of MP4 and MOV skip. Times are
            the same; hidden media before the beginning have negative times.

    Raises:
        MediaError: The file is missing, a folder, empty, not readable, not media or damaged.
    """
    options = {"advanced_editlist": "0"} if shows_hidden else {}
    try:
        # An absolute path keeps FFmpeg from reading a name with a colon as a network address.
        container = av.open(str(path.absolute()), options=options, metadata_errors=UNREADABLE_TEXT)
    except (OSError, FFmpegError) as error:
        head = _read_head(path)
        _check_readable(path)
        raise MediaError(_unreadable(path, head), path=path, details=str(error)) from error
    if container.format.name == "tty":
        container.close()
        raise MediaError(f"{path.name} is a text file; choose a media file.", path=path)
    if _LISTS.intersection(container.format.name.split(",")):
        container.close()
        raise MediaError(f"{path.name} is a list of other files; choose one of those.", path=path)
    return container


def _read_head(path: Path) -> bytes:
    """Read the first 12 bytes of a file, as far as there are.

    Raises:
        MediaError: The file is missing, a folder, empty or not readable.
    """
    if path.is_dir():
        raise MediaError(f"{path} is a folder; choose a media file in it.", path=path)
    try:
        with path.open("rb") as file:
            head = file.read(12)
    except FileNotFoundError as error:
        raise MediaError(f"{path} does not exist; check its name.", path=path) from error
    except PermissionError as error:
        raise MediaError(
            f"{path} may not be read; change its permissions or copy it elsewhere.", path=path
        ) from error
    except OSError as error:
        raise failed_drive(path, error) from error
    if not head:
        raise MediaError(f"{path.name} is empty; copy or export it again.", path=path)
    return head


def _check_readable(path: Path) -> None:
    """Check that both ends of a file, with its description, can be read from the drive.

    Demuxers take read errors for damaged content.

    Raises:
        MediaError: The drive fails.
    """
    try:
        with path.open("rb") as file:
            file.read(_END_BYTES)
            file.seek(max(file.seek(0, os.SEEK_END) - _END_BYTES, 0))
            file.read(_END_BYTES)
    except OSError as error:
        raise failed_drive(path, error) from error


def failed_drive(path: Path, error: OSError) -> MediaError:
    """Error for a file on a failing drive."""
    return MediaError(
        f"{path.name} cannot be read ({error.strerror}); check its drive, and copy it again from "
        "where it came from.",
        path=path,
        details=str(error),
    )


def cut_off(path: Path, details: str) -> ExportError:
    """Error for a file whose packets end too early; `details` is a technical text."""
    return ExportError(
        f"{path.name} cannot be read to its end; copy it again from where it came from.",
        path=path,
        details=details,
    )


def _unreadable(path: Path, head: bytes) -> str:
    if head[4:8] == b"ftyp":
        return (
            f"{path.name} has lost its index, as happens when writing or copying was cut off; "
            "copy or export it again."
        )
    return f"{path.name} is damaged or not a media file; play it to check, and export it again."


class StreamReader(Generic[FrameT]):
    """Decodes one stream in a container of its own.

    Packets that cannot be decoded are left out and counted.

    Attributes:
        n_damaged: Number of packets left out and of frames decoded with visible damage so far.
        failure: Technical text of the error that ended reading early; empty if there was none.
    """

    def __init__(
        self, path: Path, stream_index: int, kind: type[FrameT], stop: threading.Event
    ) -> None:
        """Open the file.

        Args:
            path: The file.
            stream_index: Stream of the container.
            kind: Type of the frames.
            stop: Set by another thread to end the reading.

        Raises:
            MediaError: The file cannot be opened.
        """
        self.n_damaged = 0
        self.failure = ""
        self._path = path
        self._stream_index = stream_index
        self._kind: type[FrameT] = kind
        self._stop = stop
        self._container, self._stream = self._open()

    @property
    def is_exact_behind_seeks(self) -> bool:
        """Whether timestamps behind a seek equal those of reading from the start."""
        return not _EXACT_BEHIND_SEEKS.isdisjoint(self._container.format.name.split(","))

    def _open(self) -> tuple[InputContainer, Stream]:
        container = open_container(self._path)
        stream = container.streams[self._stream_index]
        for other in container.streams:
            if other is not stream:
                # Demuxers with an index skip discarded streams, so memory and time stay small for
                # any interleaving.
                other.discard = Discard.all
        if stream.type == "video":
            # Frame threads of FLAC lose a frame, and the samples to skip, if an edit list begins
            # within a packet.
            stream.codec_context.thread_type = "AUTO"
        return container, stream

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    def seek(self, time: Fraction) -> bool:
        """Seek to a key frame at or before a time, in seconds on the file's timeline.

        The next frames may still lie behind the time: some containers seek only roughly.

        Returns:
            False if the file cannot seek.
        """
        guide = self._guide()
        time_base = guide.time_base or Fraction(1, 1)
        try:
            self._container.seek(int(time / time_base), stream=guide, backward=True)
        except FFmpegError as error:
            log.debug("%s: no seeking to %s s: %s", self._path, float(time), error)
            return False
        return True

    def _guide(self) -> Stream:
        """Stream to seek by.

        The index of Matroska mostly lists video only. To seek by audio, FFmpeg would read the file
        up to there.
        """
        frames = self._container.streams.video
        is_matroska = "matroska" in self._container.format.name
        return frames[0] if is_matroska and frames else self._stream

    def rewind(self) -> None:
        """Start again with the first frame and reset the counts."""
        self.n_damaged, self.failure = 0, ""
        self._container.close()
        self._container, self._stream = self._open()

    def frames(self) -> Iterator[FrameT]:
        """Decode from the current position to the end.

        Yields:
            Frames in order of presentation.

        Raises:
            Cancelled: `stop` was set.
        """
        for packet in self._packets():
            if self._stop.is_set():
                raise Cancelled
            try:
                frames = packet.decode()
            except FFmpegError as error:
                self.n_damaged += 1
                log.debug("%s, stream %d: %s", self._path, self._stream_index, error)
                continue
            for frame in frames:
                if isinstance(frame, self._kind):
                    self.n_damaged += frame.is_corrupt
                    yield frame

    def _packets(self) -> Iterator["Packet[Stream]"]:
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except FFmpegError as error:
                self.failure = str(error)
                break
            yield packet
        # The demuxer gave up and sends no flush packet.
        flush: Packet[Stream] = Packet()
        flush.stream = self._stream
        yield flush


def time_of(frame: VideoFrame | AudioFrame) -> Fraction | None:
    """Presentation time of a frame on the file's timeline, exact seconds; None if it has none."""
    if frame.pts is None or frame.time_base is None:
        return None
    return frame.pts * frame.time_base
