"""Reading the description of a media file."""

import math
import os
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
from av.audio.stream import AudioStream as AvAudioStream
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import AttachmentStream, DataStream, Discard, Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream as AvVideoStream

from core.errors import MediaError
from core.media.formats.matroska.segment import last_time_s
from core.media.formats.stream_header import check_index
from core.media.info import AudioStream, MediaInfo, OtherStream, VideoStream
from core.media.reader import failed_drive, open_container
from core.media.stream_kind import has_codec, is_attached_picture, is_uncompressed, readable
from core.paths import unfinished_path

_PACKETS_TO_FIRST_FRAME = 300
"""Packets tried for the first frame; broadcast recordings may begin far before a key frame."""

_RATE_TOLERANCE = 0.01
"""Relative difference of average and base frame rate, as caused by one dropped frame."""


def probe(path: Path) -> MediaInfo:
    """Read the description of a media file.

    The first frame of each video stream is decoded: only frames have the rotation in every
    container.

    Args:
        path: Any file.

    Returns:
        Description with all streams, exact rates and start times.

    Raises:
        MediaError: The file is missing, a folder, empty, not readable, not media, damaged or half
            corrected in place.
    """
    if os.path.exists(unfinished_path(path)):  # noqa: PTH110 - a name may be too long
        raise MediaError(
            f"{path.name} is half corrected, since a correction in place was stopped; restore it "
            f"with: synchformer-gui correct --undo {path.name}",
            path=path,
        )
    with open_container(path) as container:
        try:
            check_index(path, container.format.name)
        except OSError as error:
            raise failed_drive(path, error) from error
        videos: list[VideoStream] = []
        audios: list[AudioStream] = []
        others: list[OtherStream] = []
        for stream in container.streams:
            if isinstance(stream, AvVideoStream) and has_codec(stream):
                videos.append(_video(stream))
            elif isinstance(stream, AvAudioStream) and has_codec(stream):
                audios.append(_audio(stream))
            else:
                others.append(OtherStream(stream.index, stream.type, _codec(stream)))
        info = MediaInfo(
            path=path,
            container=container.format.name,
            duration_s=_duration_s(path, container, [*videos, *audios]),
            size_bytes=path.stat().st_size,
            videos=tuple(videos),
            audios=tuple(audios),
            others=tuple(others),
        )
        return replace(info, videos=tuple(_with_first_frame(v, info, container) for v in videos))


def _video(stream: AvVideoStream) -> VideoStream:
    average, base = stream.average_rate, stream.base_rate
    is_attached = is_attached_picture(stream)
    return VideoStream(
        index=stream.index,
        codec=_codec(stream),
        width_px=stream.width,
        height_px=stream.height,
        frame_rate=(average or stream.guessed_rate or None) if not is_attached else None,
        time_base=stream.time_base or Fraction(1),
        start_s=_seconds(stream.start_time, stream) or 0.0,
        duration_s=_seconds(stream.duration, stream),
        rotation_deg=0,
        is_variable_rate=not is_attached and _is_variable(average, base),
        is_attached_picture=is_attached,
    )


def _with_first_frame(
    video: VideoStream, info: MediaInfo, container: InputContainer
) -> VideoStream:
    """Complete the description of a video stream by its first frame."""
    if video.is_attached_picture:
        return video
    stream = container.streams[video.index]
    if video == info.video:
        first = _first_frame(container, stream)
    else:
        # The open file has been read beyond the beginning of this stream.
        first = decode_first_frame(info.path, video.index)
    if first is None:
        return video
    is_unknown = stream.start_time is None
    return replace(
        video,
        start_s=(first.time or 0.0) if is_unknown else video.start_s,
        rotation_deg=round(first.rotation / 90) * 90 % 360,
    )


def _audio(stream: AvAudioStream) -> AudioStream:
    language, n_ticks = readable(stream.language or ""), stream.duration or None
    if not n_ticks and stream.container.format.name == "avi" and is_uncompressed(_codec(stream)):
        # The header of AVI states the length of PCM as a number of samples only.
        n_ticks = stream.frames or None
    return AudioStream(
        index=stream.index,
        codec=_codec(stream),
        sample_rate_hz=stream.codec_context.sample_rate or 0,
        n_channels=stream.codec_context.layout.nb_channels,
        time_base=stream.time_base or Fraction(1),
        start_s=_seconds(stream.start_time, stream) or 0.0,
        duration_s=_seconds(n_ticks, stream),
        language="" if language == "und" else language,
    )


def _codec(stream: Stream) -> str:
    # The name is one of the codec context, absent for a codec that FFmpeg does not know.
    is_named = has_codec(stream) or isinstance(stream, DataStream | AttachmentStream)
    return readable((stream.name if is_named else None) or "unknown")


def _seconds(ticks: int | None, stream: Stream) -> float | None:
    if ticks is None or stream.time_base is None:
        return None
    return float(ticks * stream.time_base)


def _is_variable(average: Fraction | None, base: Fraction | None) -> bool:
    if not average or not base:
        return False
    # Interlaced video may state its field rate, exactly twice the frame rate.
    return all(
        not math.isclose(base, factor * average, rel_tol=_RATE_TOLERANCE) for factor in (1, 2)
    )


def decode_first_frame(path: Path, stream_index: int) -> VideoFrame | None:
    """Decode the first frame of a video stream; None if there is none near its beginning."""
    with open_container(path) as container:
        return _first_frame(container, container.streams[stream_index])


def _first_frame(container: InputContainer, stream: Stream) -> VideoFrame | None:
    for other in container.streams:
        if other is not stream:
            other.discard = Discard.all
    try:
        for packet in islice(container.demux(stream), _PACKETS_TO_FIRST_FRAME):
            for frame in packet.decode():
                if isinstance(frame, VideoFrame):
                    return frame
    except FFmpegError:
        # The analysis reports decoding errors; a description is possible without the frame.
        return None
    return None


def _duration_s(
    path: Path, container: InputContainer, streams: list[VideoStream | AudioStream]
) -> float:
    lengths = [s.duration_s for s in streams if s.duration_s is not None]
    is_matroska = "matroska" in container.format.name
    if container.duration is None:
        if not lengths and is_matroska:
            start_s = (container.start_time or 0) / av.time_base
            return max(_last_time_s(path) - start_s, 0.0)
        return max(lengths, default=0.0)
    length_s = container.duration / av.time_base
    if is_matroska and container.start_time:
        # Matroska states the end time of the file.
        length_s -= container.start_time / av.time_base
    return max(length_s, 0.0)


def _last_time_s(path: Path) -> float:
    """Time of the last block of a Matroska file in seconds; 0 if it is not found."""
    try:
        with path.open("rb") as file:
            return last_time_s(file) or 0.0
    except OSError as error:
        raise failed_drive(path, error) from error
