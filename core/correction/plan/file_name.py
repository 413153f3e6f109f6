"""Names of corrected files."""

from pathlib import Path

from core.correction.correction import Correction, Inexact
from core.media.delay_hints import without_delay
from core.media.formats.output_format import can_write, output_format
from core.media.info import MediaInfo
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

    The container stays if it can be written and carries any shift of all audio, or may carry it
    inexactly. Otherwise it becomes Matroska.

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
    source = info.path
    stays = can_write(source.suffix, info.container) and (
        inexact is not None
        or output_format(source, info.container).keeps_times
        or all(is_uncompressed(audio.codec) for audio in info.audios)
    )
    fields: dict[str, object] = {
        "name": without_delay(source.stem),
        "ext": source.suffix if stays else ".mkv",
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
