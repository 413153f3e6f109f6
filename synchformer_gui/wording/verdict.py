"""The answer of a detection in words, for the window, the plot and the command line.

Every sentence about the answer comes from here: verdict, offset or sync map, interval and
confidence, correction, second opinion. Functions of a `Detection` serve constant and changing
offsets alike. No sentence carries a sign: drifting audio runs *slow* or *fast*.
"""

from math import ceil

from core.detection.result import Detection, OffsetEstimate, Reason, Verdict
from core.detection.sync_map import DriftCause, MapKind, Piece, SyncMap
from core.media.info import MediaInfo
from core.model.synchformer.dimensions import WINDOW_FRAMES
from core.timing import TOLERANCES, VIDEO_FPS
from core.units import delay_text, duration_text
from synchformer_gui.wording.offset import (
    confidence_text,
    delay_sentence,
    interval_text,
    margin_text,
    offset_text,
    short_offset_text,
    tolerance_name,
    tolerance_text,
)

NO_CLIP = "Open a clip to begin."

NO_OFFSET = frozenset({Reason.TOO_SHORT, Reason.NOT_CONFIDENT, Reason.DISAGREE, Reason.AT_EDGE})
"""Reasons for "cannot tell" despite evidence: no offset is reliable."""

NO_EVIDENCE = frozenset({Reason.NO_MOTION, Reason.SILENCE})
"""Reasons for "cannot tell" without evidence: there is nothing to compare, no number to show."""

LIKELY = 0.7
"""Smallest synchronizability called "likely" to belong together."""

UNLIKELY = 0.3
"""Largest synchronizability called "unlikely" to belong together."""

MOST_PIECES = 6
"""Most pieces of a sync map in one sentence; the JSON has all."""

_WINDOW_S = WINDOW_FRAMES / VIDEO_FPS
_LABELLED = 3
_BORDER_S = 6.0
_PERCENT_FROM_PPM = 10_000
_TIMES = {1: "once", 2: "twice"}
_CHANGING_VERDICTS = {
    Verdict.IN_SYNC: "All of it is in sync by {}.",
    Verdict.OUT_OF_SYNC: "Out of sync by {}.",
    Verdict.CANNOT_TELL: "Cannot tell whether all of it is in sync by {}.",
}


def detection_obstacle(info: MediaInfo) -> str:
    """Reason why a file cannot be analyzed; empty if it can."""
    if info.video is None:
        return "This file has no moving picture to compare its sound with."
    return "" if info.audios else "This clip has no sound to compare its picture with."


def verdict_title(estimate: OffsetEstimate) -> str:
    """Verdict in two or three words."""
    return "too close to call" if estimate.reason is Reason.TOO_COARSE else str(estimate.verdict)


def headline(detection: Detection) -> str:
    """Answer as a title: "Audio 160 ms early", "Audio drifts"; empty if no offset stands out."""
    found = detection.changing_map
    if found is None:
        offset = short_offset_text(detection.estimate.offset_s)
        match detection.estimate.reason:
            case Reason.NONE:
                return f"Audio {offset}"
            case Reason.TOO_COARSE:
                return f"Probably {offset}"
            case _:
                return ""
    if found.kind is MapKind.DRIFT:
        return "Audio drifts"
    n_jumps = len(found.pieces) - 1
    return f"Audio jumps {_TIMES.get(n_jumps, f'{n_jumps} times')}"


def answer_sentence(detection: Detection) -> str:
    """Offset and verdict for the whole clip; or the reason why there is none, and advice."""
    found = detection.changing_map
    if found is None:
        return _constant_sentence(detection)
    tolerance = tolerance_name(detection.config.tolerance)
    verdict = _CHANGING_VERDICTS[detection.estimate.verdict].format(tolerance)
    if found.kind is MapKind.JUMPS:
        return f"The offset jumps: {_jumps_text(found)}. {verdict}"
    return f"The sound drifts: {_drift_text(found, detection.info.duration_s)}. {verdict}"


def margin_sentence(detection: Detection) -> str:
    """Interval, confidence and number of windows; empty for changing offsets and no evidence."""
    estimate = detection.estimate
    if detection.changing_map or estimate.reason in NO_EVIDENCE:
        return ""
    windows = "1 window" if estimate.windows_used == 1 else f"{estimate.windows_used} windows"
    basis = f"Confidence: {confidence_text(estimate)}, from {windows}."
    if estimate.reason in NO_OFFSET:
        return basis
    return f"{round(100 * estimate.level)} % interval: {interval_text(estimate)}. {basis}"


def correction_sentence(detection: Detection) -> str:
    """Correction by the measured offset or sync map."""
    found = detection.changing_map
    if found is None:
        return delay_sentence(detection.estimate.offset_s)
    if found.kind is MapKind.DRIFT:
        return (
            f"Correction: retime the audio to {100 * found.stretch:.3f} % of its length"
            f"{_then_moved_text(found.delay_s)}. A constant delay cannot repair a drift."
        )
    moves = [f"{_shift_text(found.pieces[0])} up to {duration_text(found.pieces[0].span.end_s)}"]
    moves += [f"{_shift_text(piece)} {_from_text(piece)}" for piece in found.pieces[1:MOST_PIECES]]
    return (
        f"Correction: move the audio piece by piece: {', '.join(moves)}{_more_text(found)}."
        " A constant delay repairs one piece only."
    )


def map_label(detection: Detection) -> str:
    """Label in the sync map: "160 ms early ± 10 ms", "drifts: on time to 80 ms late"."""
    found = detection.changing_map
    if found is None:
        estimate = detection.estimate
        offset = short_offset_text(estimate.offset_s)
        if estimate.reason in NO_OFFSET:
            return f"most likely: {offset}"
        return f"{offset} {margin_text(estimate)}"
    if found.kind is MapKind.DRIFT:
        (piece,) = found.pieces
        start, end = map(short_offset_text, (piece.start_offset_s, piece.end_offset_s))
        return f"drifts: {start} to {end}"
    offsets = [short_offset_text(piece.start_offset_s) for piece in found.pieces[:_LABELLED]]
    return ", then ".join(offsets) + (", …" if len(found.pieces) > _LABELLED else "")


def verdict_row(detection: Detection) -> str:
    """Answer as a row of a list: "out of sync  160 ms early ± 10 ms"."""
    estimate = detection.estimate
    if detection.changing_map is not None or estimate.reason is Reason.NONE:
        return f"{estimate.verdict}  {map_label(detection)}"
    if estimate.reason is Reason.TOO_COARSE:
        return f"{estimate.verdict}  {map_label(detection)}, {estimate.reason}"
    return f"{estimate.verdict}  {estimate.reason}"


def is_known_to_change(detection: Detection) -> bool:
    """True if the verdict rests on a changing offset, whatever the confidence in one offset."""
    return (
        detection.changing_map is not None and detection.estimate.verdict is not Verdict.CANNOT_TELL
    )


def belonging_text(estimate: OffsetEstimate) -> str:
    """Chance that picture and sound belong together: "likely", "unclear", "unlikely".

    Empty if the model gives none, or without evidence.
    """
    share = estimate.synchronizability
    if share is None or estimate.reason in NO_EVIDENCE:
        return ""
    return "likely" if share >= LIKELY else "unlikely" if share <= UNLIKELY else "unclear"


def belonging_sentence(estimate: OffsetEstimate) -> str:
    """`belonging_text` as a sentence, with advice."""
    text = belonging_text(estimate)
    if text == "unlikely":
        return (
            "Picture and sound belong together: unlikely; check that the sound is from this take."
        )
    return f"Picture and sound belong together: {text}." if text else ""


def second_opinion_sentence(detection: Detection) -> str:
    """Second opinion beside the answer; empty without one, or if the offset changes."""
    opinion = detection.second_opinion
    if opinion is None or detection.changing_map:
        return ""
    other, answer = opinion.estimate, detection.estimate
    start = f"Second opinion, {opinion.engine_name}"
    if not _has_offset(other):
        return f"{start}: cannot tell."
    offset = f"{short_offset_text(other.offset_s)} {margin_text(other)}"
    if not _has_offset(answer):
        return f"{start}: {offset}."
    overlaps = (
        other.interval_s[0] <= answer.interval_s[1] and answer.interval_s[0] <= other.interval_s[1]
    )
    if overlaps:
        return f"{start}: {offset}, which agrees."
    return f"{start}: {offset}, which disagrees: watch the clip before you trust either."


def simulation_sentence(simulate_offset_s: float) -> str:
    """Shift applied to the audio for a test; empty without one."""
    if simulate_offset_s == 0:
        return ""
    moved = "earlier" if simulate_offset_s > 0 else "later"
    return (
        f"The audio was moved {delay_text(simulate_offset_s)} {moved} for this test; "
        "the answer includes this shift."
    )


def recheck_sentence(detection: Detection) -> str:
    """Answer for a corrected file. "Cannot tell" does not count against the file."""
    estimate = detection.estimate
    if not _has_offset(estimate):
        return f"Analyzed again: cannot tell ({estimate.reason}); the new file may be correct."
    answer = f"Analyzed again: {answer_sentence(detection)} {margin_sentence(detection)}".rstrip()
    if estimate.verdict is Verdict.OUT_OF_SYNC:
        return f"{answer} Watch the new file before you use it."
    return answer


def _has_offset(estimate: OffsetEstimate) -> bool:
    return estimate.verdict is not Verdict.CANNOT_TELL or estimate.reason is Reason.TOO_COARSE


def _constant_sentence(detection: Detection) -> str:
    estimate, tolerance = detection.estimate, detection.config.tolerance
    offset = offset_text(estimate.offset_s, detection.info.frame_rate)
    if estimate.verdict is not Verdict.CANNOT_TELL:
        verdict = "In sync" if estimate.verdict is Verdict.IN_SYNC else "Out of sync"
        return (
            f"Audio is {offset} {margin_text(estimate)}. {verdict} by {tolerance_name(tolerance)}."
        )
    match estimate.reason:
        case Reason.TOO_COARSE:
            return (
                f"Audio is probably {offset} {margin_text(estimate)}. Cannot tell whether that is "
                f"in sync by {tolerance_name(tolerance)} ({tolerance_text(tolerance)})."
                f"{_strictest_sentence(estimate)}"
            )
        case Reason.NO_MOTION:
            why = "nothing moves in the picture, so there is nothing to compare the sound with"
            advice = "Choose a part with motion that can be heard"
        case Reason.SILENCE:
            why = "the audio is silent"
            advice = "Choose another audio stream, or a part with sound"
        case Reason.TOO_SHORT:
            part = "part" if detection.config.is_region else "clip"
            why = f"the {part} is too short; the most likely offset is {offset}"
            advice = f"Choose a {part} of at least {_WINDOW_S:g} s; longer is better"
        case Reason.AT_EDGE:
            why = f"it is {offset} or more, and larger offsets were not tried"
            advice = "Choose a larger range (--range on the command line)"
        case Reason.DISAGREE:
            why = f"different parts of the clip have different offsets; one is {offset}"
            advice = "Look at where the offset changes, then detect each part separately"
        case _:
            why = f"no offset stands out; the most likely is {offset}"
            advice = "Choose a part that shows the source of the sound, or another model"
    return f"Cannot tell whether the audio is in sync: {why}. {advice}."


def _strictest_sentence(estimate: OffsetEstimate) -> str:
    """Strictest tolerance satisfied by the whole interval; empty if there is none."""
    met = [one for one in TOLERANCES if all(map(one.accepts, estimate.interval_s))]
    if not met:
        return ""
    strictest = min(met, key=lambda one: one.early_s + one.late_s)
    return f" By {tolerance_name(strictest)}, it is in sync."


def _drift_text(found: SyncMap, duration_s: float) -> str:
    (piece,) = found.pieces
    start_s, at_start = piece.span.start_s, _at_text(piece.span.start_s)
    end_s, at_end = piece.span.end_s, _at_text(piece.span.end_s)
    if start_s < _BORDER_S:
        start_s, at_start = 0.0, "at the start"
    if end_s > duration_s - _BORDER_S:
        end_s, at_end = duration_s, "at the end"
    first, last = map(short_offset_text, map(found.offset_at, (start_s, end_s)))
    return (
        f"{first} {at_start}, {last} {at_end}."
        f" It runs {_rate_text(found)}{_cause_text(found.cause)}"
    )


def _jumps_text(found: SyncMap) -> str:
    first, *others = found.pieces[:MOST_PIECES]
    parts = [f"{short_offset_text(first.start_offset_s)} at first"]
    for piece in others:
        parts.append(
            f"{short_offset_text(piece.start_offset_s)} {_from_text(piece)}"
            f" (± {max(1, ceil(piece.start_margin_s))} s)"
        )
    return ", ".join(parts) + _more_text(found)


def _more_text(found: SyncMap) -> str:
    n_left = len(found.pieces) - MOST_PIECES
    return f", and {n_left} more" if n_left > 0 else ""


def _rate_text(found: SyncMap) -> str:
    """Drift with its margin: "1001 ± 90 ppm slow", "4.17 ± 0.01 % slow"."""
    low, high = found.drift_interval_ppm
    margin, size = (high - low) / 2, abs(found.drift_ppm)
    way = "fast" if found.drift_ppm > 0 else "slow"
    if size >= _PERCENT_FROM_PPM:
        return f"{size / 1e4:.2f} ± {max(margin / 1e4, 0.01):.2f} % {way}"
    return f"{size:.0f} ± {max(1.0, margin):.0f} ppm {way}"


def _cause_text(cause: DriftCause) -> str:
    if cause is DriftCause.NONE:
        return ""
    if cause is DriftCause.CLOCK:
        return ", typical of recorders with different clocks"
    rate, _, taken_for = cause.value.partition(" taken for ")
    return f", as if {rate} had been taken for {taken_for}"


def _then_moved_text(delay_s: float) -> str:
    rounded_s = round(delay_s, 3)
    if not rounded_s:
        return ""
    text = delay_text(rounded_s)
    return f", then delay it by {text}" if delay_s > 0 else f", then move it {text} earlier"


def _shift_text(piece: Piece) -> str:
    rounded_s = round(piece.start_offset_s, 3)
    if not rounded_s:
        return "not at all"
    return f"{delay_text(rounded_s)} {'later' if rounded_s > 0 else 'earlier'}"


def _from_text(piece: Piece) -> str:
    return f"from {duration_text(piece.span.start_s)} on"


def _at_text(time_s: float) -> str:
    return f"at {duration_text(time_s)}"
