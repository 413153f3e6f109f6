"""Timecodes of a file, the tracks that hold them in MP4 and MOV, and the reels that they name.

Muxers write such tracks anew, from the texts of a stream of picture or, before those, of the file.
"""

from collections.abc import Mapping

from av.container import InputContainer
from av.stream import DataStream, Stream

from core.media.formats.output_format import OutputFormat

TIMECODE = "timecode"
REEL_NAME = "reel_name"


def text_of(metadata: Mapping[str, str], name: str) -> str:
    """Return a text, whose name Matroska writes in capitals; empty if there is none."""
    return next((text for key, text in metadata.items() if key.lower() == name), "")


def stream_timecodes(reader: InputContainer) -> dict[int, str]:
    """Return the timecodes that streams of picture have of their own, by index."""
    texts = {stream.index: text_of(stream.metadata, TIMECODE) for stream in reader.streams.video}
    return {index: text for index, text in texts.items() if text}


def timecode_tracks(reader: InputContainer, output: OutputFormat) -> dict[int, int]:
    """Return which timecode tracks the target gets in its own way, each with its stream of picture.

    FFmpeg does not tell which track belongs to which stream, but that their timecodes are equal.
    Where no stream has one of its own, the muxers give the first one the file's.
    """
    if not output.holds_chapters:
        return {}
    timecodes = stream_timecodes(reader)
    if not timecodes and reader.streams.video:
        timecodes = {reader.streams.video[0].index: text_of(reader.metadata, TIMECODE)}
    tracks: dict[int, int] = {}
    for stream in reader.streams:
        if not isinstance(stream, DataStream):
            continue
        text = text_of(stream.metadata, TIMECODE)
        of_stream = next((index for index, own in timecodes.items() if text and own == text), None)
        if of_stream is not None:
            tracks[stream.index] = of_stream
            del timecodes[of_stream]
    return tracks


def replaces_timecodes(reader: InputContainer, output: OutputFormat) -> bool:
    """Tell whether a muxer would write the timecode of the file in place of a stream's own."""
    return output.name not in {"matroska", "webm"} and bool(stream_timecodes(reader))


def file_timecode_goes_lost(reader: InputContainer, output: OutputFormat) -> bool:
    """Tell whether the timecode of a file is none of its streams', and has no place in the target.

    A track of its own, which is left out as a whole, is a stream as well.
    """
    text = text_of(reader.metadata, TIMECODE)
    of_streams = {text_of(stream.metadata, TIMECODE) for stream in reader.streams}
    return bool(text) and text not in of_streams and replaces_timecodes(reader, output)


def lacks_file_timecode(reader: InputContainer, copy: InputContainer, output: OutputFormat) -> bool:
    """Tell whether the timecode of a file is nowhere in its copy, where that has a place for it."""
    text = text_of(reader.metadata, TIMECODE)
    has_place = output.holds_chapters and not replaces_timecodes(reader, output)
    found = [copy.metadata, *(stream.metadata for stream in copy.streams)]
    return bool(text) and has_place and text not in {text_of(texts, TIMECODE) for texts in found}


def timecode_change(stream: Stream, copy: Stream, output: OutputFormat) -> tuple[str, str] | None:
    """Return the timecodes of a stream and of its copy; None where they are the same."""
    before, after = (text_of(one.metadata, TIMECODE) for one in (stream, copy))
    # Dropped frames are marked by either.
    is_same = before.replace(".", ";") == after.replace(".", ";")
    return None if is_same or not before or not output.holds_chapters else (before, after)


def reels(reader: InputContainer, output: OutputFormat) -> dict[int, tuple[int, str]]:
    """Return the reels that timecode tracks name: track and name, by their streams of picture."""
    return {
        of_stream: (index, text)
        for index, of_stream in timecode_tracks(reader, output).items()
        if (text := text_of(reader.streams[index].metadata, REEL_NAME))
    }
