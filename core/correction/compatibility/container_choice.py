"""Choice of a container for the streams of a file, by trying to write their header."""

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from av.container import InputContainer

from core.correction.compatibility.stream_plan import StreamPlan, plan_streams
from core.errors import ExportError
from core.media.formats.output_format import MP4, OutputFormat, can_write, output_format
from core.media.reader import open_container

TRIED_SUFFIXES = (".mkv", ".mov", ".mp4", ".m2ts", ".ts")
"""Containers with times, the most capable first."""

_BY_CONTENT = {"matroska,webm": ".mkv", "mpegts": ".ts", "flv": ".flv"}
_QUICKTIME_BRAND = "qt  "


def content_suffix(reader: InputContainer) -> str:
    """Usual suffix of the container of an open file, whatever its name; empty if there is none."""
    if reader.format.name == MP4.reads_as:
        is_quicktime = reader.metadata.get("major_brand", _QUICKTIME_BRAND) == _QUICKTIME_BRAND
        return ".mov" if is_quicktime else ".mp4"
    return _BY_CONTENT.get(reader.format.name, "")


def fitting_suffixes(
    reader: InputContainer,
    source: Path,
    tried: Iterable[str] = TRIED_SUFFIXES,
    recoded: Collection[int] = (),
) -> Iterator[str]:
    """Yield the suffixes of the containers with a place for all streams of a file.

    Args:
        reader: The open source.
        source: Its path.
        tried: Suffixes to try, in this order.
        recoded: Audio streams to be encoded again.
    """
    for suffix in tried:
        if can_write(suffix, reader.format.name):
            streams = plan_streams(reader, source, source.with_suffix(suffix), recoded)
            if streams.copied and not streams.refused:
                yield suffix


def target_format(source: Path, container: str, target: Path) -> OutputFormat:
    """Container of a target, by its suffix.

    Args:
        source: The source.
        container: FFmpeg's name of its demuxer.
        target: The file to be written.

    Raises:
        ExportError: It cannot be written from this source; the sentence names one for it.
        MediaError: The source cannot be opened.
    """
    try:
        return output_format(target, container)
    except ExportError as error:
        with open_container(source) as reader:
            message = f"{error.message}; {container_advice(reader, source)}."
        raise ExportError(message, path=target) from error


def refused_streams(
    reader: InputContainer, source: Path, streams: StreamPlan, recoded: Collection[int] = ()
) -> tuple[str, ...]:
    """Sentences on the refused streams of a plan, with a container for them if there is one."""
    if not streams.refused:
        return ()
    advice = container_advice(reader, source, recoded)
    return tuple(f"{refusal}; {advice}." for refusal in streams.refused)


def keeping_advice(reader: InputContainer, source: Path, suffixes: Iterable[str]) -> str:
    """Advice to choose one of some containers, as far as they take all streams of a file.

    Returns:
        The advice, after a semicolon, for a verb with "to"; empty if none takes them.
    """
    fitting = list(fitting_suffixes(reader, source, suffixes))
    return f"; choose a name that ends in {' or '.join(fitting)}" if fitting else ""


def container_advice(reader: InputContainer, source: Path, recoded: Collection[int] = ()) -> str:
    """Advice for the end of a sentence on a container without a place for a stream."""
    tried = dict.fromkeys([content_suffix(reader), *TRIED_SUFFIXES])
    suffix = next(fitting_suffixes(reader, source, tried, recoded), None)
    if suffix is not None:
        return f"choose a name that ends in {suffix}"
    audios = [stream.index for stream in reader.streams.audio]
    own = next(fitting_suffixes(reader, source, [source.suffix], audios), None)
    if own is not None and not output_format(source, reader.format.name).keeps_times:
        return f"choose a name that ends in {own} and let the sound become PCM"
    return (
        "no container written here takes all streams of that file, so convert it with another "
        "program first"
    )
