"""Common shift of a copy: the delay shared by all of its streams."""

import math
from collections.abc import Mapping
from fractions import Fraction

from core.correction.correction import Correction
from core.media.formats.output_format import OutputFormat


def common_shift_s(
    container: str,
    starts_s: Mapping[int, Fraction],
    correction: Correction,
    retimed_s: Mapping[int, Fraction],
    output: OutputFormat,
) -> Fraction:
    """Common shift in seconds, invisible to a player.

    MP4 and MOV hide media before time zero. Other containers have no such times: all streams move
    up by the amount that a moved stream would lie below the lowest time of the source.

    Args:
        container: FFmpeg's name of the source's demuxer.
        starts_s: First presentation times of the copied streams, by index; hidden media included.
        correction: The correction.
        retimed_s: First times of the retimed streams in the copy, before the common shift.
        output: The container of the target.
    """
    moved_s = {i: starts_s[i] + correction.audio_delay_s for i in correction.audio_stream_indices}
    moved_s |= retimed_s
    lowest_s = min(starts_s.values(), default=Fraction(0))
    same_family = container == output.reads_as
    common_s = Fraction(0)
    if container in {"mpegts", "mpeg"} and not same_family:
        # Broadcasts start at any time; other containers would show hours of nothing.
        common_s = -lowest_s
    if output.is_mp4 or not output.keeps_times:
        return common_s
    shifted_s = common_s + min(moved_s.values())
    allowed_s = min(lowest_s, Fraction(0)) if same_family else Fraction(0)
    shortage_s = allowed_s - min(shifted_s, lowest_s + common_s)
    # Whole milliseconds are whole ticks of Matroska and of MPEG-TS alike.
    return common_s + Fraction(math.ceil(max(shortage_s, Fraction(0)) * 1000), 1000)
