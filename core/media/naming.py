"""Names of corrected files, and what the name or the container of a source hints at."""

import re
from pathlib import Path

from core.media.containers import can_write, output_format
from core.media.correction import Correction, Inexact
from core.media.info import MediaInfo, start_of
from core.media.untimed import is_uncompressed

DEFAULT_TEMPLATE = "{name}.synced{ext}"

_FIELDS = ("name", "ext", "delay_ms", "stream")

_DELAY_IN_NAME = re.compile(r"\bDELAY[ _]*(-?\d+) ?ms\b", re.IGNORECASE)
"""As demuxing programs write it into the names of sound files and of what is muxed from them."""

_LEAST_START_DIFFERENCE_S = 0.05
"""Less than this is the beginning of the sound's own coding, or the picture's."""


def default_target(
    info: MediaInfo,
    inexact: Inexact | None = None,
    template: str = DEFAULT_TEMPLATE,
    correction: Correction | None = None,
) -> Path:
    """Return the path beside the source that a corrected file gets unless the user says otherwise.

    The container stays, where it can be written and carries any shift of all the sound, or may
    carry it inexactly; else it becomes Matroska, which carries anything.

    Args:
        info: The probed source.
        inexact: What may be done where the container cannot carry the exact shift.
        template: A file name with `{name}` and `{ext}` of the source, `{delay_ms}` and `{stream}`
            of the correction.
        correction: The correction, where the template names its fields.

    Raises:
        ValueError: The template is not one, or names a folder.
    """
    source = info.path
    stays = can_write(source.suffix, info.container) and (
        inexact is not None
        or output_format(source, info.container).keeps_times
        or all(is_uncompressed(audio.codec) for audio in info.audios)
    )
    fields: dict[str, object] = {"name": source.stem, "ext": source.suffix if stays else ".mkv"}
    if correction is not None:
        fields["delay_ms"] = f"{float(1000 * correction.audio_delay_s):+g}"
        fields["stream"] = "-".join(map(str, correction.audio_stream_indices))
    try:
        name = template.format_map(fields)
    except (KeyError, IndexError, AttributeError, ValueError) as error:
        known = ", ".join(f"{{{field}}}" for field in _FIELDS)
        raise ValueError(f"{template!r} is no template of a name; fields are {known}") from error
    if not name or Path(name).name != name:
        raise ValueError(f"{template!r} gives {name!r}, which is no name of a file")
    return source.with_name(name)


def delay_hints(info: MediaInfo) -> tuple[str, ...]:
    """Return sentences on delays that the source itself states; none of them is applied."""
    hints: list[str] = []
    if match := _DELAY_IN_NAME.search(info.path.stem):
        hints.append(
            f"The name of {info.path.name} states a delay of {match[1]} ms; it is not applied."
        )
    if info.picture is not None:
        for audio in info.audios:
            later_s = float(start_of(audio) - start_of(info.picture))
            if abs(later_s) >= _LEAST_START_DIFFERENCE_S:
                way = "after" if later_s > 0 else "before"
                hints.append(
                    f"In {info.path.name} audio stream {audio.index} starts "
                    f"{1000 * abs(later_s):.0f} ms {way} the picture; players honour that, and so "
                    "does the measurement."
                )
    return tuple(hints)
