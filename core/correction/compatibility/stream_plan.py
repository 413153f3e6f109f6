"""Which streams of a file a container can carry, and copying their description into it.

Copying the packets is left to `core.correction.write.copy_packets`.
"""

import io
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.stream import AttachmentStream, DataStream, Discard, Stream
from av.video.stream import VideoStream

from core.correction.compatibility.output_streams import PICTURE_TYPES, add_picture, add_stream
from core.correction.compatibility.timecodes import (
    REEL_NAME,
    TIMECODE,
    reels,
    replaces_timecodes,
    text_of,
    timecode_tracks,
)
from core.correction.retime.codec_choice import AudioCoding, add_audio
from core.media.formats.mpegts import keeps_pids, kept_number, kept_texts, read_services
from core.media.formats.output_format import (
    AVI,
    MKV,
    MP4,
    MXF,
    TS_CODECS,
    OutputFormat,
    can_write,
    output_format,
)
from core.media.stream_kind import (
    codec_name,
    has_codec,
    is_attached_picture,
    is_uncompressed,
    packet_samples,
)

# These have a place in QuickTime and none in MP4.
_QUICKTIME_CODECS = frozenset(
    ["cfhd", "hap", "prores", "prores_raw", "qdm2", "qtrle", "rpza", "smc", "svq1", "svq3"]
)

# Other data are refused by the muxers, or come back as something else. Of MP4, these are telemetry.
_DATA_KINDS = {"mpegts": frozenset({"klv", "timed_id3"}), MP4.reads_as: frozenset({"bin_data"})}

# The muxer writes its own.
CONTAINER_KEYS = frozenset({"major_brand", "minor_version", "compatible_brands", "encoder"})


@dataclass(frozen=True, slots=True)
class CopiedStream:
    """A stream that the target can carry.

    Attributes:
        index: Its index in the source.
        keeps_tag: Whether the codec tag can be kept: hvc1, for one, which QuickTime insists on.
    """

    index: int
    keeps_tag: bool


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """What becomes of the streams of a file.

    Attributes:
        output: The container of the target.
        copied: Streams that are written, in the order of the source.
        refused: One sentence for each stream that the target cannot carry; nothing is written.
        left_out: One sentence for each stream, or trait of one, that is lost although the rest is
            written.
    """

    output: OutputFormat
    copied: tuple[CopiedStream, ...]
    refused: tuple[str, ...]
    left_out: tuple[str, ...]


def plan_streams(reader: InputContainer, source: Path, target: Path) -> StreamPlan:
    """Decide which streams of an opened source go into the target.

    Picture, sound, subtitles and attachments are copied or refused. Data streams are left out, but
    for those that muxers take; timecode and chapter tracks these write themselves. So are covers
    where there is no place for them, and streams of a codec unknown to FFmpeg, which no choice of
    container would save.

    Raises:
        ExportError: The target's suffix names no container that can be written from this source.
    """
    output = output_format(target, reader.format.name)
    rebuilt = rebuilt_data(reader, output)
    copied: list[CopiedStream] = []
    refused: list[str] = []
    left_out: list[str] = []
    for stream in reader.streams:
        name = f"Stream {stream.index} of {source.name} ({stream.type}, {_content(stream)})"
        keeps_tag = reader.format.name == output.reads_as and has_codec(stream)
        if isinstance(stream, DataStream):
            if stream.index in rebuilt:
                continue
            if keeps_data(stream, reader, output):
                copied.append(CopiedStream(stream.index, keeps_tag=False))
            else:
                left_out.append(f"{name} is left out: {target.name} cannot hold such data.")
        elif not has_codec(stream) and not isinstance(stream, AttachmentStream):
            left_out.append(f"{name} is left out: its codec is not known here.")
        elif keeps_tag and _accepts(output, reader, stream, keeps_tag=True):
            copied.append(CopiedStream(stream.index, keeps_tag=True))
        elif _accepts(output, reader, stream, keeps_tag=False):
            copied.append(CopiedStream(stream.index, keeps_tag=False))
        elif is_attached_picture(stream):
            left_out.append(f"{name} is left out: {target.name} cannot hold covers.")
        else:
            refused.append(
                f"{name} cannot be written to {target.name}; "
                f"choose a name that ends in {_better_suffix(output, reader, stream, source)}."
            )
        if isinstance(stream, VideoStream) and loses_shape(output, stream):
            left_out.append(
                f"{name} will lose the shape of its pixels ({stream.sample_aspect_ratio}) in "
                f"{target.name}; choose a name that ends in .mp4 to keep it."
            )
    return StreamPlan(output, tuple(copied), tuple(refused), tuple(left_out))


def describe(
    writer: OutputContainer,
    reader: InputContainer,
    source: Path,
    plan: StreamPlan,
    recoded: Mapping[int, AudioCoding],
) -> dict[int, Stream]:
    """Give the target the source's streams and metadata.

    Args:
        writer: The target.
        reader: The source.
        source: Its path.
        plan: What is copied.
        recoded: How audio streams of the source are encoded that are not copied.

    Returns:
        The target's streams that take packets, by the index of the source's.
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
            add_picture(writer, stream, source)
            continue
        copy = add_stream(writer, stream, keeps_tag=item.keeps_tag)
        if keeps_numbers:
            copy.id = stream.id
        if not isinstance(stream, AttachmentStream):
            outputs[item.index] = copy
    _add_texts(writer, reader, source, plan.output, outputs)
    return outputs


def _add_texts(
    writer: OutputContainer,
    reader: InputContainer,
    source: Path,
    output: OutputFormat,
    outputs: Mapping[int, Stream],
) -> None:
    """Give the target the texts of the file, and its streams those that muxers look for there."""
    for index, copy in outputs.items():
        if name := text_of(reader.streams[index].metadata, "name"):
            # What FFmpeg reads from MP4 and MOV as this, it writes from the title.
            copy.metadata.setdefault("title", name)
    for index, (_, reel) in reels(reader, output).items():
        if index in outputs:
            # The muxer puts it into the timecode track.
            outputs[index].metadata[REEL_NAME] = reel
    services = read_services(reader, source)
    left_out = set(CONTAINER_KEYS)
    if replaces_timecodes(reader, output):
        left_out.add(TIMECODE)
    writer.metadata.update(
        {key: text for key, text in reader.metadata.items() if key.lower() not in left_out}
        | kept_texts(services, output)
    )
    writer.container_options.update(kept_number(services, output))


def _better_suffix(
    output: OutputFormat, reader: InputContainer, stream: Stream, source: Path
) -> str:
    """Return what to write instead of a container that cannot carry a stream."""
    if output is MKV:
        return source.suffix if can_write(source.suffix, reader.format.name) else ".mov"
    return ".mov" if output is MP4 and codec_name(stream) in _QUICKTIME_CODECS else ".mkv"


def _content(stream: Stream) -> str:
    """Return what a stream holds, in words; FFmpeg has no name for timecodes."""
    timecode = text_of(stream.metadata, TIMECODE) if isinstance(stream, DataStream) else ""
    return f"timecode {timecode}" if timecode else codec_name(stream)


def rebuilt_data(reader: InputContainer, output: OutputFormat) -> frozenset[int]:
    """Return the timecode and chapter tracks that the target gets in its own way."""
    if not output.holds_chapters:
        return frozenset()
    # Readers of MP4 mark those of which they have made chapters.
    chapters = {
        stream.index
        for stream in reader.streams
        if isinstance(stream, DataStream) and stream.discard == Discard.all
    }
    return frozenset(chapters | timecode_tracks(reader, output).keys())


def keeps_data(stream: Stream, reader: InputContainer, output: OutputFormat) -> bool:
    """Tell whether a data stream is of a kind that the muxers of its own family write."""
    kinds = _DATA_KINDS.get(output.reads_as, frozenset())
    if not isinstance(stream, DataStream) or stream.discard == Discard.all:
        return False
    is_known = reader.format.name == output.reads_as and stream.name in kinds
    return is_known and _accepts(output, reader, stream, keeps_tag=False)


def loses_shape(output: OutputFormat, stream: VideoStream) -> bool:
    """Tell whether the aspect ratio of the pixels stands in the container alone.

    PyAV can set it for the muxers of MP4 and MOV only; a copy in the coded picture stays anyway.
    """
    coded = stream.codec_context.sample_aspect_ratio or 1
    return not output.is_mp4 and (stream.sample_aspect_ratio or 1) != coded


def _accepts(
    output: OutputFormat, reader: InputContainer, stream: Stream, *, keeps_tag: bool
) -> bool:
    if is_attached_picture(stream) and output is not MP4:
        return output is MKV and codec_name(stream) in PICTURE_TYPES
    if output.name == "mpegts" and codec_name(stream) not in TS_CODECS:
        return False
    if reader.format.name != output.reads_as and _leans_on_header(output, stream):
        return False
    if output is AVI and isinstance(stream, AudioStream):
        codec = codec_name(stream)
        if not is_uncompressed(codec) and not packet_samples(stream):
            return False
    # Muxers check much only when they write the header, so one is written for this stream alone.
    writer = av.open(io.BytesIO(), "w", output.name, container_options=dict(output.options))
    try:
        if output is MXF and not isinstance(stream, VideoStream):
            # MXF begins with the picture, or not at all.
            add_stream(writer, reader.streams.video[0], keeps_tag=False)
        add_stream(writer, stream, keeps_tag=keeps_tag)
        writer.start_encoding()
    except (FFmpegError, ValueError, IndexError):
        return False
    finally:
        # A muxer that got no packets may complain; the header is what was asked for.
        with suppress(FFmpegError):
            writer.close()
    return True


def _leans_on_header(output: OutputFormat, stream: Stream) -> bool:
    """Tell whether a muxer takes a stream and leaves out what is needed to decode it."""
    codec = codec_name(stream)
    if codec == "mpeg4":
        return output.name == "mpegts" and bool(stream.codec_context.extradata)
    # How its pixels are stored has no place in MP4 and MOV.
    return codec == "rawvideo" and output.is_mp4
