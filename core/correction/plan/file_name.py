"""Names of corrected files."""

from pathlib import Path

from av.error import FFmpegError

from core.correction.compatibility.container_choice import (
    TRIED_SUFFIXES,
    content_suffix,
    fitting_suffixes,
)
from core.correction.correction import Correction, Inexact
from core.correction.plan.way import can_patch
from core.errors import SyncError
from core.media.delay_hints import without_delay
from core.media.formats.output_format import can_write, output_format
from core.media.info import MediaInfo
from core.media.reader import open_container
from core.media.stream_kind import is_uncompressed

DEFAULT_TEMPLATE = "{name}.synced{ext}"

_FIELDS = ("name", "ext", "delay_ms", "stream")


def default_target(
    info: MediaInfo,
    inexact: Inexact | None = None,
    template: str = DEFAULT_TEMPLATE,
    correction: Correction | None = None,
) -> Path:
    """Default path of a corrected file, beside its source.

    The container stays if a delay is a patch in it. It also stays if it can be written, takes all
    streams, and carries any shift of all audio, or may carry it inexactly. Otherwise it becomes the
    first of those named by the content, Matroska, MOV and MP4 with a place for all streams.

    Args:
        info: The probed source.
        inexact: Fallback where the container cannot carry the exact shift.
        template: File name with `{name}` and `{ext}` of the source, `{delay_ms}` and `{stream}` of
            the correction. `{name}` lacks a delay stated in the source's name, since it would be
            applied twice.
        correction: The correction, for a template with its fields.

    Raises:
        ValueError: The template is invalid, or names a folder.
    """
    is_retimed = correction is not None and correction.retiming is not None
    stays = bool(info.path.suffix) and not is_retimed and can_patch(info)
    suffix = info.path.suffix if stays else _suffix(info, inexact)
    return named_target(info.path, suffix, template, correction)


def named_target(
    source: Path, suffix: str, template: str, correction: Correction | None = None
) -> Path:
    """Path named by a template, beside the source, with the suffix of a container.

    Raises:
        ValueError: The template is invalid, or names a folder.
    """
    fields: dict[str, object] = {
        "name": without_delay(source.stem),
        "ext": suffix,
    }
    if correction is not None:
        delay_ms = float(round(1000 * correction.audio_delay_s, 3))
        fields["delay_ms"] = f"{delay_ms:+.3f}".rstrip("0").rstrip(".")
        fields["stream"] = "-".join(map(str, correction.audio_stream_indices))
    try:
        name = template.format_map(fields)
    except (KeyError, IndexError, AttributeError, ValueError) as error:
        known = ", ".join(f"{{{field}}}" for field in _FIELDS)
        raise ValueError(f"{template!r} is no template of a name; fields are {known}") from error
    if not name or Path(name).name != name:
        raise ValueError(f"{template!r} gives {name!r}, which is no name of a file")
    return source.with_name(name)


def _suffix(info: MediaInfo, inexact: Inexact | None) -> str:
    """Suffix of the container for a file, with its dot."""
    own, container = info.path.suffix, info.container
    is_known = can_write(own, container)
    stays = is_known and (
        inexact is not None
        or output_format(info.path, container).keeps_times
        or all(is_uncompressed(audio.codec) for audio in info.audios)
    )
    first = own if stays else ".mkv"
    try:
        with open_container(info.path) as reader:
            tried = [own] if stays else []
            tried += [content_suffix(reader), *TRIED_SUFFIXES]
            fitting = fitting_suffixes(reader, info.path, dict.fromkeys(tried))
            return next(fitting, own if is_known else first)
    except (SyncError, FFmpegError):
        # The plan says why the file cannot be opened.
        return first
