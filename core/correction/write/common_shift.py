"""By how much all streams of a corrected file are later than those of its source."""

import math
from collections.abc import Collection, Iterator, Mapping
from fractions import Fraction

from core.correction.correction import Correction
from core.correction.plan.hidden_media import first_time_s
from core.correction.plan.plan import ACCEPTED_ERROR_S, CorrectionPlan, Method
from core.media.formats.output_format import OutputFormat
from core.media.info import MediaInfo, start_of
from core.timing import VIDEO_FPS

_CODER_S = Fraction(1, 4)
"""More than what coders put before sound that is encoded again."""

_MOST_REORDERED = 16
"""How many pictures H.264 and HEVC may decode before the first that is shown."""

_ROUNDING_S = 1e-6


def common_shift_s(
    info: MediaInfo,
    indices: Collection[int],
    correction: Correction,
    retimed_s: Mapping[int, Fraction],
    output: OutputFormat,
) -> Fraction:
    """Return by how many seconds all streams move together, which no player shows.

    Files of MP4 and MOV hide what lies before zero. The others have no such times: there, all
    streams move up by as much as a moved one would be below what the source had.

    Args:
        info: The source.
        indices: Its streams whose packets are written.
        correction: What is moved.
        retimed_s: When those streams would start that are retimed.
        output: The container of the target.
    """
    starts_s = {index: first_time_s(info, index) for index in indices}
    moved_s = {i: starts_s[i] + correction.audio_delay_s for i in correction.audio_stream_indices}
    moved_s |= retimed_s
    lowest_s = min(starts_s.values(), default=Fraction(0))
    same_family = info.container == output.reads_as
    common_s = Fraction(0)
    if info.container in {"mpegts", "mpeg"} and not same_family:
        # Broadcasts start anywhere; other containers would show hours of nothing.
        common_s = -lowest_s
    if output.is_mp4 or not output.keeps_times:
        return common_s
    shifted_s = common_s + min(moved_s.values())
    allowed_s = min(lowest_s, Fraction(0)) if same_family else Fraction(0)
    shortage_s = allowed_s - min(shifted_s, lowest_s + common_s)
    # Whole milliseconds are whole ticks of Matroska and of MPEG-TS alike.
    return common_s + Fraction(math.ceil(max(shortage_s, Fraction(0)) * 1000), 1000)


def changed_common_shift(
    info: MediaInfo, correction: Correction, plan: CorrectionPlan, common_s: float
) -> Iterator[str]:
    """Yield that all streams of a copy are later or earlier than planned.

    Args:
        info: The source.
        correction: The correction that was asked for.
        plan: What the copy was to be.
        common_s: By how much they were found to be later.

    Raises:
        MediaError: The source cannot be opened.
    """
    frames = {video.index for video in info.videos if video.is_attached_picture}
    attached = {other.index for other in info.others if other.kind == "attachment"}
    indices = {item.index for item in plan.streams.copied} - frames - attached
    retimed = {move.stream_index for move in plan.moves if move.method is Method.RETIMED}
    retimed_s = {
        audio.index: correction.target_of(start_of(audio))
        for audio in info.audios
        if audio.index in retimed
    }
    output = plan.streams.output
    planned_s = float(common_shift_s(info, indices, correction, retimed_s, output))
    accepted_s = float(ACCEPTED_ERROR_S) + _ROUNDING_S
    above_s = 0.0
    if output.name == "mpegts":
        # Its muxer lets all begin later until no picture is decoded before time zero.
        above_s += float(_MOST_REORDERED / (info.frame_rate or VIDEO_FPS))
    if retimed and not output.is_mp4 and output.keeps_times:
        # Where that sound begins is known once it is encoded.
        above_s += float(_CODER_S)
    if not -accepted_s <= common_s - planned_s <= accepted_s + above_s:
        later_ms = 1000 * (common_s - planned_s)
        way = "later" if later_ms > 0 else "earlier"
        yield f"the time of all streams, {abs(later_ms):.1f} ms {way} than planned"
