"""Choice of the streams that a container can carry, and copying their descriptions.

Packets are copied by `core.correction.write.write`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.stream import AttachmentStream, DataStream, Discard, Stream
from av.video.stream import VideoStream

from core.correction.compatibility.timecodes import (
    REEL_NAME,
    TIMECODE,
    reels,
    replaces_timecodes,
    tag_of,
    timecode_tracks,
)
from core.correction.retime.codec_choice import AudioCoding, add_audio, writes_header
from core.media.formats.contents import track_kinds
from core.media.formats.mpegts.raster import keeps_pids
from core.media.formats.output_format import (
    AVI,
    MKV,
    MP4,
    MXF,
    OutputFormat,
    output_format,
)
from core.media.reader import open_container
from core.media.stream_kind import (
    UNKNOWN_CODEC,
    UNNAMED,
    audio_context,
    codec_name,
    has_codec,
    is_attached_picture,
    is_uncompressed,
    packet_samples,
    readable,
)

_PICTURE_TYPES = {
    "mjpeg": ("cover.jpg", "image/jpeg"),
    "png": ("cover.png", "image/png"),
    "bmp": ("cover.bmp", "image/bmp"),
    "webp": ("cover.webp", "image/webp"),
}
"""Codecs of covers that Matroska holds as attachments, with file name and media type."""

CONTAINER_KEYS = frozenset({"major_brand", "minor_version", "compatible_brands", "encoder"})
"""Tags of the file written by the muxer itself."""


@dataclass(frozen=True, slots=True)
class CopiedStream:
    """A stream that the target can carry.

    Attributes:
        index: Index in the source.
        keeps_tag: Whether the codec tag can be kept, such as hvc1, required by QuickTime.
    """

    index: int
    keeps_tag: bool


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """Streams of a file to copy, to refuse and to leave out.

    Attributes:
        output: Container of the target.
        copied: Streams to write, in the order of the source.
        refused: The beginning of a sentence for each stream the target cannot carry; prevents the
            export. `compatibility.container_choice` adds the advice.
        left_out: One sentence for each stream or stream property lost while the rest is written.
    """

    output: OutputFormat
    copied: tuple[CopiedStream, ...]
    refused: tuple[str, ...]
    left_out: tuple[str, ...]


def plan_streams(
    reader: InputContainer, source: Path, target: Path, recoded: Collection[int] = ()
) -> StreamPlan:
    """Decide which streams of an opened source go into the target.

    Video, audio, subtitles and attachments are copied or refused. Left out are data streams refused
    by the muxer, covers without a place in the container, and streams of a codec unknown to FFmpeg,
    lost in every container. Muxers write timecode and chapter tracks themselves.

    Args:
        reader: The open source.
        source: Its path.
        target: The file to be written.
        recoded: Audio streams to be encoded again, in a coding of the target.

    Raises:
        ExportError: The container of the target cannot be written from this source.
    """
    output = output_format(target, reader.format.name)
    rebuilt = _rebuilt_data(reader, output)
    copied: list[CopiedStream] = []
    refused: list[str] = []
    left_out: list[str] = []
    for stream in reader.streams:
        name = f"Stream {stream.index} of {source.name} ({stream.type}, {_content(stream, source)})"
        keeps_tag = reader.format.name == output.reads_as and has_codec(stream)
        if isinstance(stream, DataStream):
            if stream.index in rebuilt:
                continue
            if keeps_data(stream, reader, output):
                copied.append(CopiedStream(stream.index, keeps_tag=False))
            else:
                left_out.append(f"{name} is left out: {target.name} cannot hold such data.")
        elif not has_codec(stream) and not isinstance(stream, AttachmentStream):
            left_out.append(f"{name} is left out: FFmpeg does not know its codec.")
        elif stream.index in recoded:
            copied.append(CopiedStream(stream.index, keeps_tag=False))
        elif keeps_tag and _accepts(output, reader, stream, keeps_tag=True):
            copied.append(CopiedStream(stream.index, keeps_tag=True))
        elif _accepts(output, reader, stream, keeps_tag=False):
            copied.append(CopiedStream(stream.index, keeps_tag=False))
        elif is_attached_picture(stream):
            left_out.append(f"{name} is left out: {target.name} cannot hold covers.")
        elif _is_empty(stream, source):
            left_out.append(f"{name} is left out: it is empty.")
        else:
            refused.append(f"{name} cannot be written to {target.name}")
        if isinstance(stream, VideoStream) and loses_aspect_ratio(output, stream):
            left_out.append(
                f"{name} will lose its pixel aspect ratio ({stream.sample_aspect_ratio}) in "
                f"{target.name}."
            )
    return StreamPlan(output, tuple(copied), tuple(refused), tuple(left_out))


def describe(
    writer: OutputContainer,
    reader: InputContainer,
    source: Path,
    plan: StreamPlan,
    recoded: Mapping[int, AudioCoding],
) -> dict[int, Stream]:
    """Add the streams of the source to the target, with all tags.

    Args:
        writer: The target.
        reader: The source.
        source: Path of the source.
        plan: Streams to copy.
        recoded: Coding of audio streams to encode again, by index in the source.

    Returns:
        Streams of the target for packets, by index in the source.
    """
    keeps_numbers = keeps_pids(reader, plan.output)
    outputs: dict[int, Stream] = {}
    copied = plan.copied
    if plan.output is MXF:
        copied = tuple(sorted(copied, key=lambda item: reader.streams[item.index].type != "video"))
    for item in copied:
        stream = reader.streams[item.index]
        if item.index in recoded:
            outputs[item.index] = add_audio(writer, stream, recoded[item.index])
            if keeps_numbers:
                outputs[item.index].id = stream.id
            continue
        if plan.output is MKV and is_attached_picture(stream):
            _add_picture(writer, stream, source)
            continue
        copy = _add_stream(writer, stream, keeps_tag=item.keeps_tag)
        if keeps_numbers:
            copy.id = stream.id
        if not isinstance(stream, AttachmentStream):
            outputs[item.index] = copy
    _add_tags(writer, reader, plan.output, outputs)
    return outputs


def _add_tags(
    writer: OutputContainer,
    reader: InputContainer,
    output: OutputFormat,
    outputs: Mapping[int, Stream],
) -> None:
    """Set the tags of the target, and tags of its streams expected there by the muxer."""
    for index, copy in outputs.items():
        if name := tag_of(reader.streams[index].metadata, "name"):
            # FFmpeg reads this tag from MP4 and MOV, and writes it from the title.
            copy.metadata.setdefault("title", name)
    for index, (_, reel) in reels(reader, output).items():
        if index in outputs:
            # The muxer moves it to the timecode track.
            outputs[index].metadata[REEL_NAME] = reel
    left_out = set(CONTAINER_KEYS)
    if replaces_timecodes(reader, output):
        left_out.add(TIMECODE)
    writer.metadata.update(
        {key: text for key, text in reader.metadata.items() if key.lower() not in left_out}
    )


def _is_empty(stream: Stream, source: Path) -> bool:
    """Whether a listed audio stream has no packet, such as the second core of a TrueHD track."""
    if not isinstance(stream, AudioStream) or stream.codec_context.sample_rate:
        return False
    with open_container(source) as reader:
        for other in reader.streams:
            if other.index != stream.index:
                other.discard = Discard.all
        try:
            return all(not packet.size for packet in reader.demux(reader.streams[stream.index]))
        except (FFmpegError, OSError):
            return False


def _content(stream: Stream, source: Path) -> str:
    """Content of a stream for messages; FFmpeg has no codec name for timecodes."""
    timecode = tag_of(stream.metadata, TIMECODE) if isinstance(stream, DataStream) else ""
    name = codec_name(stream)
    if timecode or name not in {UNNAMED, UNKNOWN_CODEC}:
        return f"timecode {readable(timecode)}" if timecode else readable(name)
    kind = track_kinds(source, stream.container.format.name).get(stream.id)
    return f"of kind {kind}" if kind else name


def _rebuilt_data(reader: InputContainer, output: OutputFormat) -> frozenset[int]:
    """Timecode and chapter tracks the muxer of the target writes anew, by index."""
    if not output.holds_chapters:
        return frozenset()
    # The demuxer of MP4 discards tracks that it has turned into chapters.
    chapters = {
        stream.index
        for stream in reader.streams
        if isinstance(stream, DataStream) and stream.discard == Discard.all
    }
    return frozenset(chapters | timecode_tracks(reader, output).keys())


def keeps_data(stream: Stream, reader: InputContainer, output: OutputFormat) -> bool:
    """Whether the muxer can write a data stream; only from a source of the same family."""
    if not isinstance(stream, DataStream) or stream.discard == Discard.all:
        return False
    is_known = reader.format.name == output.reads_as and stream.name in output.data_codecs
    return is_known and _accepts(output, reader, stream, keeps_tag=False)


def loses_aspect_ratio(output: OutputFormat, stream: VideoStream) -> bool:
    """Whether the target loses the pixel aspect ratio, stated by the source's container alone.

    PyAV can set it for the muxers of MP4 and MOV only. A copy in the codec header always stays.
    """
    if not has_codec(stream):
        return False
    coded = stream.codec_context.sample_aspect_ratio or 1
    return not output.is_mp4 and (stream.sample_aspect_ratio or 1) != coded


def _accepts(
    output: OutputFormat, reader: InputContainer, stream: Stream, *, keeps_tag: bool
) -> bool:
    if is_attached_picture(stream) and output is not MP4:
        return output is MKV and codec_name(stream) in _PICTURE_TYPES
    if not output.takes_codec(codec_name(stream)):
        return False
    if reader.format.name != output.reads_as and _needs_lost_header(output, stream):
        return False
    is_compressed = isinstance(stream, AudioStream) and not is_uncompressed(codec_name(stream))
    if output is AVI and is_compressed and not packet_samples(stream):
        return False

    def add(writer: OutputContainer) -> None:
        if output is MXF and not isinstance(stream, VideoStream):
            # MXF requires a video stream, in front.
            _add_stream(writer, reader.streams.video[0], keeps_tag=False)
        _add_stream(writer, stream, keeps_tag=keeps_tag)

    return writes_header(output, add)


def _needs_lost_header(output: OutputFormat, stream: Stream) -> bool:
    """Whether the muxer accepts a stream but leaves out a header required to decode it."""
    codec = codec_name(stream)
    if codec == "mpeg4":
        return output.is_mpegts and bool(stream.codec_context.extradata)
    # The pixel format of raw video has no place in MP4 and MOV.
    return codec == "rawvideo" and output.is_mp4


def _add_stream(writer: OutputContainer, stream: Stream, *, keeps_tag: bool) -> Stream:
    """Add a stream like one of the source, whose codec tag may be invalid in the target."""
    if writer.format.name == AVI.name and codec_name(stream) == "ac3":
        # Without the samples per packet, known to encoders only, the index would be wrong.
        bit_rate = audio_context(stream).bit_rate or 0
        return add_audio(writer, stream, AudioCoding("ac3", "ac3", "fltp", bit_rate))
    if isinstance(stream, DataStream):
        data = writer.add_stream_from_template(stream)
        data.metadata.update(stream.metadata)
        return data
    # Opaque: otherwise PyAV requires an encoder, and many codecs have none.
    copy = writer.add_stream_from_template(stream, opaque=True)
    copy.metadata.update(stream.metadata)
    copy.disposition = stream.disposition
    if keeps_tag:
        copy.codec_context.codec_tag = stream.codec_context.codec_tag
    if isinstance(copy, VideoStream) and isinstance(stream, VideoStream):
        aspect_ratio = stream.sample_aspect_ratio
        if aspect_ratio is not None:
            copy.codec_context.sample_aspect_ratio = aspect_ratio
        if tag_of(stream.metadata, TIMECODE) and stream.average_rate:
            # Without a rate the muxer writes no timecode track.
            copy.codec_context.framerate = stream.average_rate
    return copy


def _add_picture(writer: OutputContainer, stream: Stream, source: Path) -> None:
    """Add a cover as an attachment, for Matroska; `source` is its file."""
    name, mime_type = _PICTURE_TYPES[codec_name(stream)]
    names = stream.metadata
    with open_container(source) as reader:
        payload = bytes(next(reader.demux(reader.streams[stream.index])))
    copy = writer.add_attachment(
        names.get("filename", name), names.get("mimetype", mime_type), payload
    )
    copy.metadata.update(names)
