"""Adding streams of a source, with their descriptions, to an opened target.

The choice of streams is made in `core.correction.compatibility.stream_plan`.
"""

from pathlib import Path

from av.audio.codeccontext import AudioCodecContext
from av.container import OutputContainer
from av.stream import DataStream, Stream
from av.video.stream import VideoStream

from core.correction.compatibility.timecodes import TIMECODE, tag_of
from core.media.formats.output_format import AVI
from core.media.reader import open_container
from core.media.stream_kind import codec_name

PICTURE_TYPES = {
    "mjpeg": ("cover.jpg", "image/jpeg"),
    "png": ("cover.png", "image/png"),
    "bmp": ("cover.bmp", "image/bmp"),
    "webp": ("cover.webp", "image/webp"),
}


def add_stream(writer: OutputContainer, stream: Stream, *, keeps_tag: bool) -> Stream:
    """Add a stream.

    Args:
        writer: The target.
        stream: Stream of the source.
        keeps_tag: Whether the codec tag of the source is valid in the target.
    """
    if writer.format.name == AVI.name and codec_name(stream) == "ac3":
        # Without the samples per packet, known to encoders only, the index would be wrong.
        return _add_ac3(writer, stream)
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


def _add_ac3(writer: OutputContainer, stream: Stream) -> Stream:
    """Add a stream by way of an encoder, so that the muxer knows the samples per packet."""
    context = stream.codec_context
    assert isinstance(context, AudioCodecContext)
    copy = writer.add_stream("ac3", rate=context.sample_rate, layout=context.layout.name)
    copy.codec_context.bit_rate = context.bit_rate or 0
    copy.metadata.update(stream.metadata)
    copy.disposition = stream.disposition
    return copy


def add_picture(writer: OutputContainer, stream: Stream, source: Path) -> None:
    """Add a cover as an attachment, for Matroska; `source` is its file."""
    name, mime_type = PICTURE_TYPES[codec_name(stream)]
    names = stream.metadata
    payload = _first_payload(source, stream.index)
    copy = writer.add_attachment(
        names.get("filename", name), names.get("mimetype", mime_type), payload
    )
    copy.metadata.update(names)


def _first_payload(path: Path, stream_index: int) -> bytes:
    with open_container(path) as reader:
        return bytes(next(reader.demux(reader.streams[stream_index])))
