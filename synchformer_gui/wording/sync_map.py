"""The sentences about an offset that changes over the clip, in the window and on the command line.

As everywhere, no sentence carries a sign: drifting sound runs *slow* or *fast*.
"""

from math import ceil

from core.correction.correction import Correction
from core.correction.plan.plan import CorrectionPlan
from core.correction.verify.sentences import moved_text
from core.detection.result import Detection, Reason, Verdict
from core.detection.sync_map import DriftCause, MapKind, Piece, SyncMap
from core.units import delay_text, duration_text
from synchformer_gui.wording import offset as offset_wording

MOST_PIECES = 6
"""A sentence lists no more; the JSON has them all."""

_LABELLED = 3
_BORDER_S = 6.0
_PERCENT_FROM_PPM = 10_000
_CAUSES = {
    DriftCause.NONE: "",
    DriftCause.CLOCK: ", as recorders do whose clocks differ",
}
_LARGEST_COMMON = 2000
"""Denominators of ratios that people know as such end here: 1001/1000, 960/1001."""
_TIMES = {1: "once", 2: "twice"}
_VERDICTS = {
    Verdict.IN_SYNC: "All of it is in sync by {}.",
    Verdict.OUT_OF_SYNC: "Out of sync by {}.",
    Verdict.CANNOT_TELL: "Cannot tell whether all of it is in sync by {}.",
}


def answer_sentence(detection: Detection) -> str:
    """Say the answer for the whole clip; where the offset changes, how it does."""
    found = detection.changing_map
    if found is None:
        return offset_wording.answer_sentence(detection)
    tolerance = offset_wording.tolerance_name(detection.config.tolerance)
    judged = _VERDICTS[detection.estimate.verdict].format(tolerance)
    if found.kind is MapKind.JUMPS:
        return f"The offset jumps: {_jumps_text(found)}. {judged}"
    (piece,) = found.pieces
    duration_s = detection.info.duration_s
    start_s, at_start = piece.span.start_s, _at(piece.span.start_s)
    end_s, at_end = piece.span.end_s, _at(piece.span.end_s)
    if start_s < _BORDER_S:
        start_s, at_start = 0.0, "at the start"
    if end_s > duration_s - _BORDER_S:
        end_s, at_end = duration_s, "at the end"
    first, last = map(offset_wording.short_offset_text, map(found.offset_at, (start_s, end_s)))
    return (
        f"The sound drifts: {first} {at_start}, {last} {at_end}."
        f" It runs {_rate_text(found)}{_cause_text(found.cause)}. {judged}"
    )


def retiming_text(correction: Correction, plan: CorrectionPlan | None = None) -> str:
    """Say what a correction does to the audio, as the end of a sentence about it.

    Args:
        correction: The correction.
        plan: What becomes of it, which is told where it is not quite what was asked for.
    """
    retiming, delay_s = correction.retiming, correction.audio_delay_s
    way = moved_text(delay_s, None if plan is None else plan.moved_s)
    if retiming is None:
        return way
    if not retiming.is_stretched:
        return f"moved in {len(retiming.pieces)} pieces"
    ratio = retiming.pieces[0].ratio
    pitch = ", its pitch kept" if retiming.keeps_pitch else ""
    is_common = ratio.denominator <= _LARGEST_COMMON
    times = str(ratio) if is_common else f"{float(ratio):.6f}"
    stretched = f"made {times} times as long{pitch}"
    return f"{stretched}, then {way}" if delay_s else stretched


def headline(detection: Detection) -> str:
    """Say the answer as a title; empty where there is none."""
    found = detection.changing_map
    if found is None:
        return offset_wording.headline(detection.estimate)
    if found.kind is MapKind.DRIFT:
        return "Audio drifts"
    n_jumps = len(found.pieces) - 1
    return f"Audio jumps {_TIMES.get(n_jumps, f'{n_jumps} times')}"


def map_label(detection: Detection) -> str:
    """Write what stands beside the answer: "drifts: on time to 80 ms late"."""
    found = detection.changing_map
    if found is None:
        return offset_wording.map_label(detection.estimate)
    if found.kind is MapKind.DRIFT:
        (piece,) = found.pieces
        ends = (piece.start_offset_s, piece.end_offset_s)
        return "drifts: {} to {}".format(*map(offset_wording.short_offset_text, ends))
    offsets = [offset_wording.short_offset_text(p.start_offset_s) for p in found.pieces[:_LABELLED]]
    return ", then ".join(offsets) + (", …" if len(found.pieces) > _LABELLED else "")


def verdict_row(detection: Detection) -> str:
    """Write an answer for one row of a list: "out of sync  drifts: on time to 80 ms late"."""
    if detection.changing_map is None:
        return offset_wording.verdict_row(detection)
    return f"{detection.estimate.verdict}  {map_label(detection)}"


def recheck_sentence(detection: Detection) -> str:
    """Say what is left in a corrected file; an answer that cannot tell is no failure of it."""
    estimate = detection.estimate
    if estimate.verdict is Verdict.CANNOT_TELL and estimate.reason is not Reason.TOO_COARSE:
        return (
            f"Judged again: cannot tell ({estimate.reason}), which says nothing against the new "
            "file."
        )
    said = f"Judged again: {answer_sentence(detection)} {margin_sentence(detection)}".rstrip()
    if estimate.verdict is Verdict.OUT_OF_SYNC:
        return f"{said} Watch the new file before you use it."
    return said


def margin_sentence(detection: Detection) -> str:
    """Say how sure the answer is; empty where the answer does so itself."""
    return "" if detection.changing_map else offset_wording.margin_sentence(detection.estimate)


def second_opinion_sentence(detection: Detection) -> str:
    """Say what the classical estimate found; empty where no single offset is comparable."""
    return "" if detection.changing_map else offset_wording.second_opinion_sentence(detection)


def is_known_to_change(detection: Detection) -> bool:
    """Tell whether the answer is that the offset changes, whatever the confidence in one."""
    return (
        detection.changing_map is not None and detection.estimate.verdict is not Verdict.CANNOT_TELL
    )


def correction_sentence(detection: Detection) -> str:
    """Say which correction follows from the answer."""
    found = detection.changing_map
    if found is None:
        return offset_wording.correction_sentence(detection.estimate.offset_s)
    if found.kind is MapKind.DRIFT:
        return (
            f"Correction: retime the audio to {100 * found.stretch:.3f} % of its length"
            f"{_then_moved_text(found.delay_s)}. A constant delay cannot repair a drift."
        )
    moves = [f"{_shift(found.pieces[0])} up to {duration_text(found.pieces[0].span.end_s)}"]
    moves += [f"{_shift(piece)} {_from(piece)}" for piece in found.pieces[1:MOST_PIECES]]
    return (
        f"Correction: move the audio piece by piece: {', '.join(moves)}{_more(found)}."
        " A constant delay repairs one piece only."
    )


def _jumps_text(found: SyncMap) -> str:
    first, *others = found.pieces[:MOST_PIECES]
    parts = [f"{offset_wording.short_offset_text(first.start_offset_s)} at first"]
    for piece in others:
        parts.append(
            f"{offset_wording.short_offset_text(piece.start_offset_s)} {_from(piece)}"
            f" (± {max(1, ceil(piece.start_margin_s))} s)"
        )
    return ", ".join(parts) + _more(found)


def _more(found: SyncMap) -> str:
    n_left = len(found.pieces) - MOST_PIECES
    return f", and {n_left} more" if n_left > 0 else ""


def _rate_text(found: SyncMap) -> str:
    """Write a drift with its margin: "1001 ± 90 ppm slow", "4.17 ± 0.01 % slow"."""
    low, high = found.drift_interval_ppm
    margin, size = (high - low) / 2, abs(found.drift_ppm)
    way = "fast" if found.drift_ppm > 0 else "slow"
    if size >= _PERCENT_FROM_PPM:
        return f"{size / 1e4:.2f} ± {max(margin / 1e4, 0.01):.2f} % {way}"
    return f"{size:.0f} ± {max(1.0, margin):.0f} ppm {way}"


def _cause_text(cause: DriftCause) -> str:
    if cause in _CAUSES:
        return _CAUSES[cause]
    what, _, taken_for = cause.value.partition(" taken for ")
    return f", as if {what} had been taken for {taken_for}"


def _then_moved_text(delay_s: float) -> str:
    rounded_s = round(delay_s, 3)
    if not rounded_s:
        return ""
    text = delay_text(rounded_s)
    return f", then delay it by {text}" if delay_s > 0 else f", then move it {text} earlier"


def _shift(piece: Piece) -> str:
    rounded_s = round(piece.start_offset_s, 3)
    if not rounded_s:
        return "not at all"
    return f"{delay_text(rounded_s)} {'later' if rounded_s > 0 else 'earlier'}"


def _from(piece: Piece) -> str:
    return f"from {duration_text(piece.span.start_s)} on"


def _at(time_s: float) -> str:
    return f"at {duration_text(time_s)}"
