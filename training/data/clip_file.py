"""Writing clips in the form of the published data sets: 25 fps, a short side of 256 px, 16 kHz.

Video and audio pass FFmpeg's filters and encoders at default quality, like those of the data sets.
Both begin at clip time 0, so an offset in the source is kept.
"""

import errno
import shutil
import threading
from collections.abc import Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import TypeAlias

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream as AvAudioStream
from av.container import OutputContainer
from av.error import FFmpegError
from av.filter import Graph
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream as AvVideoStream

from core.errors import MediaError, SyncError
from core.media.info import AudioStream, MediaInfo, VideoStream, clip_start, start_of
from core.media.probe import probe
from core.media.reader import FrameT, StreamReader, time_of
from core.media.video_grid import SHORT_SIDE_PX
from core.paths import complete_or_absent
from core.timing import AUDIO_RATE_HZ, VIDEO_FPS

MIN_LENGTH_S = 9.0
"""Shortest clip in the published data sets; segments of the first stage take 8.96 s."""

MOST_FILLED = 0.1
"""Largest share of a damaged clip that may be filled in with repeated frames or silence."""

GAP_S = 0.02
"""Smallest step between timestamp and sample count that counts as missing audio."""

_AAC_SAMPLES = 1024
_DISK_ERRORS = frozenset({errno.ENOSPC, errno.EFBIG, errno.EROFS, errno.EACCES})
_TURNS = {90: ("cclock",), 180: ("clock", "clock"), 270: ("clock",)}
_MUX_OPTIONS = {"movie_timescale": "16000", "video_track_timescale": "12800"}

EncodedPacket: TypeAlias = (
    "Packet[AvAudioStream] | Packet[AvVideoStream]"  # Generic in its stub only.
)


class ClipFileError(SyncError):
    """A clip cannot be used for training; the message is the reason, without the file's name."""


class Gaps:
    """Sum of the gaps between the frames of a stream.

    Attributes:
        missing_s: Time without frames, in seconds.
        is_damaged: Some part could not be decoded. Gaps without damage are intended: screen
            recordings hold a frame while nothing moves.
    """

    def __init__(self) -> None:
        self.missing_s = Fraction(0)
        self.is_damaged = False

    def watch(self, reader: StreamReader[FrameT], video_frame_s: Fraction) -> Iterator[FrameT]:
        """Yield all frames of a reader and add up the gaps.

        Args:
            reader: Reader at the begin of its stream.
            video_frame_s: Duration of a video frame in seconds; audio frames have their own.
        """
        end: Fraction | None = None
        for frame in reader.frames():
            begin = time_of(frame)
            if begin is not None:
                lasts_s, least_s = video_frame_s, video_frame_s / 2
                if isinstance(frame, AudioFrame):
                    lasts_s = Fraction(frame.samples, frame.sample_rate)
                    least_s = Fraction(GAP_S)
                if end is not None and begin - end > least_s:
                    self.missing_s += begin - end
                end = begin + lasts_s
            yield frame
        self.is_damaged = reader.n_damaged > 0 or bool(reader.failure)


def share_filled(video: Gaps, audio: Gaps, length_s: float) -> float:
    """Filled-in share of a damaged clip, the larger of video and audio; 0 without damage."""
    if not (video.is_damaged or audio.is_damaged) or not length_s:
        return 0.0
    return min(1.0, float(max(video.missing_s, audio.missing_s)) / length_s)


def write_prepared(source: Path, target: Path, least_s: float = MIN_LENGTH_S) -> None:
    """Write a clip as MP4; a prepared clip is copied.

    One or two audio channels are kept; more become two.

    Raises:
        ClipFileError: The clip has no video or no audio, cannot be decoded, is too short, or more
            than `MOST_FILLED` of it is lost to damage. Nothing is written.
        OSError: The target cannot be written.
    """
    try:
        info = probe(source)
    except MediaError as error:
        raise ClipFileError(error.message, path=source, details=error.details) from error
    if info.video is None or not info.audios:
        raise ClipFileError("no video" if info.video is None else "no audio", path=source)
    video, audio = info.video, info.audios[0]
    filled = 0.0
    with complete_or_absent(target) as partial:
        if is_prepared(info):
            shutil.copyfile(source, partial)
            length_s = min(video.duration_s or 0.0, audio.duration_s or 0.0)
        else:
            try:
                length_s, filled = _transcode(source, partial, video, audio)
            except (MediaError, FFmpegError) as error:
                if isinstance(error, OSError) and error.errno in _DISK_ERRORS:
                    raise
                raise ClipFileError("cannot be decoded", path=source, details=str(error)) from error
        if length_s < least_s:
            raise ClipFileError(f"too short: {length_s:.2f} s", path=source)
        if filled > MOST_FILLED:
            raise ClipFileError(f"damaged: {filled:.0%} filled in".replace("%", " %"), path=source)


def is_prepared(info: MediaInfo) -> bool:
    """Check if a clip already has the prepared form."""
    video = info.video
    if video is None or len(info.videos) != 1 or len(info.audios) != 1:
        return False
    audio = info.audios[0]
    return (
        "mp4" in info.container
        and video.codec == "h264"
        and video.frame_rate == VIDEO_FPS
        and not video.is_variable_rate
        and min(video.width_px, video.height_px) == SHORT_SIDE_PX
        and not video.rotation_deg
        and audio.codec == "aac"
        and audio.sample_rate_hz == AUDIO_RATE_HZ
        and audio.n_channels <= 2
        and start_of(video) == start_of(audio) == 0
    )


def _transcode(
    source: Path, target: Path, video: VideoStream, audio: AudioStream
) -> tuple[float, float]:
    """Encode a clip; returns the length of both streams in seconds and the filled-in share."""
    zero = clip_start(video, audio)
    video_gaps, audio_gaps = Gaps(), Gaps()
    with av.open(str(target), "w", format="mp4", options=_MUX_OPTIONS) as container:
        packets: list[EncodedPacket] = []
        n_samples = n_frames = 0
        # All streams must be declared before any of them is encoded.
        blocks = _audio(source, audio, zero, audio_gaps)
        frames = _video(source, video, zero, video_gaps)
        first_audio, first_frame = next(blocks, None), next(frames, None)
        if first_audio is None or first_frame is None:
            missing = "audio" if first_audio is None else "video"
            raise MediaError(f"the {missing} of {source} cannot be decoded", path=source)
        video_stream = _add_video(container, first_frame)
        audio_stream = container.add_stream(
            "aac", rate=AUDIO_RATE_HZ, layout=first_audio.layout.name
        )
        for block in chain([first_audio], blocks):
            block.pts, block.time_base = n_samples, Fraction(1, AUDIO_RATE_HZ)
            n_samples += block.samples
            packets += audio_stream.encode(block)
        packets += audio_stream.encode(None)
        for frame in chain([first_frame], frames):
            frame.pts, frame.time_base = n_frames, Fraction(1, VIDEO_FPS)
            n_frames += 1
            packets += video_stream.encode(frame)
        packets += video_stream.encode(None)
        mux_sorted(container, packets)
    length_s = min(n_frames / VIDEO_FPS, n_samples / AUDIO_RATE_HZ)
    return length_s, share_filled(video_gaps, audio_gaps, length_s)


def _add_video(container: OutputContainer, first: VideoFrame) -> AvVideoStream:
    stream = container.add_stream("libx264", rate=VIDEO_FPS)
    stream.width, stream.height, stream.pix_fmt = first.width, first.height, "yuv420p"
    # There is one process per core.
    stream.codec_context.thread_count = 1
    return stream


def _video(source: Path, video: VideoStream, zero: Fraction, gaps: Gaps) -> Iterator[VideoFrame]:
    """Yield the frames from time 0 on, upright and scaled."""
    with StreamReader(source, video.index, VideoFrame, threading.Event()) as reader:
        frames = gaps.watch(reader, 1 / (video.frame_rate or Fraction(VIDEO_FPS)))
        first = next(frames, None)
        if first is None:
            return
        graph = _video_graph(first, video, zero)
        for frame in _filtered(graph, chain([first], frames)):
            if isinstance(frame, VideoFrame):
                yield frame


def _audio(source: Path, audio: AudioStream, zero: Fraction, gaps: Gaps) -> Iterator[AudioFrame]:
    """Yield the audio from time 0 on, with silence in gaps."""
    with StreamReader(source, audio.index, AudioFrame, threading.Event()) as reader:
        frames = gaps.watch(reader, Fraction(0))
        first = next(frames, None)
        if first is None:
            return
        graph = _audio_graph(first, zero)
        for frame in _filtered(graph, chain([first], frames)):
            if isinstance(frame, AudioFrame):
                yield frame


def _video_graph(first: VideoFrame, video: VideoStream, zero: Fraction) -> Graph:
    graph = Graph()
    graph.threads = 1
    buffer = graph.add_buffer(
        width=first.width, height=first.height, format=first.format, time_base=first.time_base
    )
    short = min(first.width, first.height)
    width, height = (side * SHORT_SIDE_PX // short for side in (first.width, first.height))
    filters = [
        ("fps", f"fps={VIDEO_FPS}:start_time={float(zero)}"),
        ("scale", f"{width}:{height}"),
        ("crop", f"{width // 2 * 2}:{height // 2 * 2}"),
        *(("transpose", turn) for turn in _TURNS.get(video.rotation_deg, ())),
        ("format", "yuv420p"),
    ]
    nodes = [graph.add(name, arguments) for name, arguments in filters]
    graph.link_nodes(buffer, *nodes, graph.add("buffersink")).configure()
    return graph


def _audio_graph(first: AudioFrame, zero: Fraction) -> Graph:
    graph = Graph()
    graph.threads = 1
    buffer = graph.add_abuffer(
        sample_rate=first.sample_rate,
        format=first.format.name,
        layout=first.layout.name,
        time_base=first.time_base,
    )
    begin = round(zero * AUDIO_RATE_HZ)
    layout = "mono" if first.layout.nb_channels == 1 else "stereo"
    filters = [
        ("aresample", f"{AUDIO_RATE_HZ}:async=1:min_hard_comp={GAP_S}:first_pts={begin}"),
        ("aformat", f"sample_fmts=fltp:channel_layouts={layout}"),
        ("asetnsamples", f"n={_AAC_SAMPLES}:p=0"),
    ]
    nodes = [graph.add(name, arguments) for name, arguments in filters]
    graph.link_nodes(buffer, *nodes, graph.add("abuffersink")).configure()
    return graph


def _filtered(
    graph: Graph, frames: Iterator[VideoFrame] | Iterator[AudioFrame]
) -> Iterator[VideoFrame | AudioFrame]:
    for frame in frames:
        graph.push(frame)
        yield from _ready(graph)
    graph.push(None)
    yield from _ready(graph)


def _ready(graph: Graph) -> Iterator[VideoFrame | AudioFrame]:
    while True:
        try:
            frame = graph.pull()
        except (BlockingIOError, EOFError):
            return
        yield frame


def mux_sorted(container: OutputContainer, packets: list[EncodedPacket]) -> None:
    """Write all packets of a file in the order of their decoding times."""
    packets.sort(key=lambda packet: (packet.dts or 0) * packet.time_base)
    for packet in packets:
        container.mux(packet)
