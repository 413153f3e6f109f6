"""Timecodes of files and streams, timecode tracks of MP4 and MOV, and names of reels.

Muxers write timecode tracks anew, from a tag of the file or else from one of a video stream.
"""

from collections.abc import Mapping

from av.container import InputContainer
from av.stream import DataStream, Stream

from core.media.formats.output_format import OutputFormat

TIMECODE = "timecode"
REEL_NAME = "reel_name"


def tag_of(metadata: Mapping[str, str], key: str) -> str:
    """Value of a tag; empty if there is none. Matroska writes keys in capitals."""
    return next((text for found, text in metadata.items() if found.lower() == key), "")


def _stream_timecodes(reader: InputContainer) -> dict[int, str]:
    """Timecodes of video streams, by index."""
    texts = {stream.index: tag_of(stream.metadata, TIMECODE) for stream in reader.streams.video}
    return {index: text for index, text in texts.items() if text}


def timecode_tracks(reader: InputContainer, output: OutputFormat) -> dict[int, int]:
    """Video stream of each timecode track the muxer writes anew, by index of the track.

    FFmpeg does not expose the reference from stream to track, so equal timecodes connect them. If
    no video stream has a timecode, the muxers give that of the file to the first one.
    """
    if not output.holds_chapters:
        return {}
    timecodes = _stream_timecodes(reader)
    if not timecodes and reader.streams.video:
        timecodes = {reader.streams.video[0].index: tag_of(reader.metadata, TIMECODE)}
    tracks: dict[int, int] = {}
    for stream in reader.streams:
        if not isinstance(stream, DataStream):
            continue
        text = tag_of(stream.metadata, TIMECODE)
        of_stream = next((index for index, own in timecodes.items() if text and own == text), None)
        if of_stream is not None:
            tracks[stream.index] = of_stream
            del timecodes[of_stream]
    return tracks


def replaces_timecodes(reader: InputContainer, output: OutputFormat) -> bool:
    """Whether a muxer would replace the timecodes of streams by that of the file."""
    return not output.is_matroska and bool(_stream_timecodes(reader))


def file_timecode_goes_lost(reader: InputContainer, output: OutputFormat) -> bool:
    """Whether the timecode of a file, different from those of its streams, has no place.

    A separate timecode track counts as a stream; it is left out as a whole.
    """
    text = tag_of(reader.metadata, TIMECODE)
    of_streams = {tag_of(stream.metadata, TIMECODE) for stream in reader.streams}
    return bool(text) and text not in of_streams and replaces_timecodes(reader, output)


def lacks_file_timecode(reader: InputContainer, copy: InputContainer, output: OutputFormat) -> bool:
    """Whether a copy lacks the timecode of the file despite a place for it."""
    text = tag_of(reader.metadata, TIMECODE)
    has_place = output.holds_chapters and not replaces_timecodes(reader, output)
    found = [copy.metadata, *(stream.metadata for stream in copy.streams)]
    return bool(text) and has_place and text not in {tag_of(texts, TIMECODE) for texts in found}


def timecode_change(stream: Stream, copy: Stream, output: OutputFormat) -> tuple[str, str] | None:
    """Timecodes of a stream and of its copy; None if they are equal."""
    before, after = (tag_of(one.metadata, TIMECODE) for one in (stream, copy))
    # Drop-frame timecodes have either separator.
    is_same = before.replace(".", ";") == after.replace(".", ";")
    return None if is_same or not before or not output.holds_chapters else (before, after)


def reels(reader: InputContainer, output: OutputFormat) -> dict[int, tuple[int, str]]:
    """Timecode track and name of each reel, by index of the video stream."""
    return {
        of_stream: (index, text)
        for index, of_stream in timecode_tracks(reader, output).items()
        if (text := tag_of(reader.streams[index].metadata, REEL_NAME))
    }
