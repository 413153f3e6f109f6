"""The sentences that people read, in the window and on the command line.

Single numbers with their units are written by `wording.units`, words about who answers
by `synchformer_gui.wording.engines`.

Sentences never carry a sign: sound is *early* or *late*, and is moved *later* or *earlier*.
"""

import re
from fractions import Fraction
from math import ceil
from pathlib import Path

from core.detection.result import Detection, OffsetEstimate, Reason, Verdict
from core.media.info import MediaInfo
from core.model.synchformer.dimensions import WINDOW_FRAMES
from core.timing import TOLERANCES, VIDEO_FPS, Tolerance
from core.units import delay_text, frames_text, milliseconds, rate_text

NO_CLIP = "Open a clip to begin."
"""What to do while there is none."""

LIKELY = 0.7
"""Synchronizability from which on picture and sound are said to belong together."""

NO_OFFSET = frozenset({Reason.TOO_SHORT, Reason.NOT_CONFIDENT, Reason.DISAGREE, Reason.AT_EDGE})
"""Reasons with which there is evidence, but no offset that could be relied on."""

UNLIKELY = 0.3
"""Synchronizability up to which they are said not to."""


_WINDOW_S = WINDOW_FRAMES / VIDEO_FPS


def unbroken(text: str) -> str:
    """Keep numbers and their units on one line."""
    return re.sub(r"(?<=[\d±]) (?=[\d%]|ms|fps|frame)", "\N{NO-BREAK SPACE}", text)


def breakable(text: str) -> str:
    """Let long paths and names go on in the next line, where a label would grow instead."""
    return re.sub(r"([/\\]|[^\s/\\]{40})(?=\S)", "\\1\N{ZERO WIDTH SPACE}", text)


def short_offset_text(offset_s: float) -> str:
    """Write an offset without frames: "160 ms early", "40 ms late", "on time"."""
    rounded = milliseconds(offset_s)
    if rounded == 0:
        return "on time"
    return f"{rounded} ms {'early' if offset_s > 0 else 'late'}"


def offset_text(offset_s: float, frame_rate: Fraction | None) -> str:
    """Write an offset, with frames of the picture if its rate is known.

    >>> offset_text(0.16, Fraction(25))
    '160 ms early (4 frames at 25 fps)'
    """
    text = short_offset_text(offset_s)
    if frame_rate is None or milliseconds(offset_s) == 0:
        return text
    return f"{text} ({frames_text(offset_s, frame_rate)} at {rate_text(frame_rate)})"


def margin_text(estimate: OffsetEstimate) -> str:
    """Write the interval as a margin around the offset: "± 10 ms", the wider side of the two."""
    low, high = estimate.interval_s
    wider_ms = 1000 * max(high - estimate.offset_s, estimate.offset_s - low)
    # Rounded up, so that the words never promise more than the numbers; 1e-6 is float dust.
    return f"± {ceil(wider_ms - 1e-6)} ms"


def interval_text(estimate: OffsetEstimate) -> str:
    """Write the interval: "150 to 170 ms early", "20 ms late to 35 ms early"."""
    low, high = estimate.interval_s
    low_ms, high_ms = milliseconds(low), milliseconds(high)
    if low_ms and high_ms and (low > 0) == (high > 0):
        nearer, farther = sorted((low_ms, high_ms))
        return f"{nearer} to {farther} ms {'early' if low > 0 else 'late'}"
    return f"{short_offset_text(low)} to {short_offset_text(high)}"


def confidence_text(estimate: OffsetEstimate) -> str:
    """Write the confidence and what in: "87 % that the audio is about 160 ms early".

    It is not that of the verdict, which asks for more. The number is never 0 or 100.
    """
    percent = round(100 * estimate.confidence)
    shown = "below 1" if percent < 1 else "above 99" if percent > 99 else f"{percent}"
    return f"{shown} % that the audio is about {short_offset_text(estimate.offset_s)}"


def margin_sentence(estimate: OffsetEstimate) -> str:
    """Say how sure the answer is, and on how much of the clip it rests."""
    if estimate.reason in (Reason.NO_MOTION, Reason.SILENCE):
        return ""
    windows = "1 window" if estimate.windows_used == 1 else f"{estimate.windows_used} windows"
    basis = f"Confidence: {confidence_text(estimate)}, from {windows}."
    if estimate.reason in NO_OFFSET:
        return basis
    return f"{round(100 * estimate.level)} % interval: {interval_text(estimate)}. {basis}"


def belonging_text(estimate: OffsetEstimate) -> str:
    """Say whether picture and sound belong together: "likely", "unclear", "unlikely".

    Empty where the model does not say, or where one of the two says nothing.
    """
    share = estimate.synchronizability
    if share is None or estimate.reason in (Reason.NO_MOTION, Reason.SILENCE):
        return ""
    return "likely" if share >= LIKELY else "unlikely" if share <= UNLIKELY else "unclear"


def belonging_sentence(estimate: OffsetEstimate) -> str:
    """Say the same as a sentence; empty where there is nothing to say."""
    text = belonging_text(estimate)
    if text == "unlikely":
        return "Picture and sound belong together: unlikely; check that the sound is of this take."
    return f"Picture and sound belong together: {text}." if text else ""


def tolerance_name(tolerance: Tolerance) -> str:
    """Write the title of a tolerance without what it explains in brackets."""
    return tolerance.title.partition(" (")[0]


def tolerance_text(tolerance: Tolerance) -> str:
    """Write what a tolerance accepts: "45 ms early to 125 ms late"."""
    return f"{milliseconds(tolerance.early_s)} ms early to {milliseconds(tolerance.late_s)} ms late"


def answer_sentence(detection: Detection) -> str:
    """Say the answer for the whole clip, or why there is none."""
    estimate, tolerance = detection.estimate, detection.config.tolerance
    found = offset_text(estimate.offset_s, detection.info.frame_rate)
    if estimate.verdict is not Verdict.CANNOT_TELL:
        verdict = "In sync" if estimate.verdict is Verdict.IN_SYNC else "Out of sync"
        return (
            f"Audio is {found} {margin_text(estimate)}. {verdict} by {tolerance_name(tolerance)}."
        )
    match estimate.reason:
        case Reason.TOO_COARSE:
            return (
                f"Audio is probably {found} {margin_text(estimate)}. Cannot tell whether that is "
                f"in sync by {tolerance_name(tolerance)} ({tolerance_text(tolerance)})."
                f"{_met_sentence(estimate)}"
            )
        case Reason.NO_MOTION:
            why = "nothing moves in the picture that the sound could be compared with"
            advice = "Choose a part where something moves that is heard"
        case Reason.SILENCE:
            why = "the audio is silent"
            advice = "Choose another audio stream, or a part with sound"
        case Reason.TOO_SHORT:
            what = "part" if detection.config.is_region else "clip"
            why = f"the {what} is too short; the likeliest offset is {found}"
            advice = f"Choose a {what} of at least {_WINDOW_S:g} s, better more"
        case Reason.AT_EDGE:
            why = f"it is {found} or more, and larger offsets were not looked for"
            advice = "Choose a larger range (--range on the command line)"
        case Reason.DISAGREE:
            why = f"different parts of the clip speak for different offsets; one is {found}"
            advice = "Look at where the offset changes, and detect the parts one by one"
        case _:
            why = f"no offset stands out clearly; the likeliest is {found}"
            advice = "Choose a part where the source of the sound is seen, or another model"
    return f"Cannot tell whether the audio is in sync: {why}. {advice}."


def _met_sentence(estimate: OffsetEstimate) -> str:
    """Name the strictest tolerance that the whole interval satisfies; empty if there is none."""
    met = [one for one in TOLERANCES if all(map(one.accepts, estimate.interval_s))]
    if not met:
        return ""
    strictest = min(met, key=lambda one: one.early_s + one.late_s)
    return f" By {tolerance_name(strictest)}, it is in sync."


def detection_obstacle(info: MediaInfo) -> str:
    """Say why a file cannot be judged at all; empty if it can be tried."""
    if info.video is None:
        return "This file has no moving picture that its sound could be compared with."
    return "" if info.audios else "This clip has no sound that could be compared with its picture."


def verdict_title(estimate: OffsetEstimate) -> str:
    """Say the verdict in two or three words."""
    return "too close to call" if estimate.reason is Reason.TOO_COARSE else str(estimate.verdict)


def headline(estimate: OffsetEstimate) -> str:
    """Say the offset as a title: "Audio 160 ms early"; empty where none stands out."""
    match estimate.reason:
        case Reason.NONE:
            return f"Audio {short_offset_text(estimate.offset_s)}"
        case Reason.TOO_COARSE:
            return f"Probably {short_offset_text(estimate.offset_s)}"
        case _:
            return ""


def map_label(estimate: OffsetEstimate) -> str:
    """Write what stands beside the answer in a map: "160 ms early ± 10 ms"."""
    found = short_offset_text(estimate.offset_s)
    if estimate.reason in NO_OFFSET:
        return f"likeliest: {found}"
    return f"{found} {margin_text(estimate)}"


def correction_sentence(delay_s: float | Fraction) -> str:
    """Say which correction a delay is; positive seconds move the audio later (`core.timing`)."""
    if delay_s == 0:
        return "Correction: none needed."
    if delay_s > 0:
        return f"Correction: delay audio by {delay_text(delay_s)}."
    return f"Correction: move audio {delay_text(delay_s)} earlier."


def other_container_sentence(source: Path, target: Path) -> str:
    """Say that a copy goes into another container than the source's, which cannot carry it."""
    name = source.suffix.removeprefix(".").upper() or "This container"
    return f"{name} cannot hold this; writing Matroska instead: {target.name}."


def second_opinion_sentence(detection: Detection) -> str:
    """Say what the classical estimate found beside the answer; empty if it was not asked."""
    opinion = detection.second_opinion
    if opinion is None:
        return ""
    other, answer = opinion.estimate, detection.estimate
    if other.verdict is Verdict.CANNOT_TELL and other.reason is not Reason.TOO_COARSE:
        return f"Second opinion, {opinion.engine_name}: cannot tell."
    said = f"{short_offset_text(other.offset_s)} {margin_text(other)}"
    if answer.verdict is Verdict.CANNOT_TELL and answer.reason is not Reason.TOO_COARSE:
        return f"Second opinion, {opinion.engine_name}: {said}."
    overlaps = (
        other.interval_s[0] <= answer.interval_s[1] and answer.interval_s[0] <= other.interval_s[1]
    )
    return f"Second opinion, {opinion.engine_name}: {said}, which {_agreement(overlaps)}."


def _agreement(overlaps: bool) -> str:
    return "agrees" if overlaps else "disagrees: watch before you trust either"


def simulation_sentence(simulate_offset_s: float) -> str:
    """Say that the clip was changed before it was judged; empty if it was not."""
    if simulate_offset_s == 0:
        return ""
    moved = "earlier" if simulate_offset_s > 0 else "later"
    return (
        f"The audio was moved {delay_text(simulate_offset_s)} {moved} for this test, "
        "and the answer includes that."
    )


def verdict_row(detection: Detection) -> str:
    """Write an answer for one row of a list: "out of sync  160 ms early ± 10 ms"."""
    estimate = detection.estimate
    found = f"{short_offset_text(estimate.offset_s)} {margin_text(estimate)}"
    match estimate.reason:
        case Reason.NONE:
            return f"{estimate.verdict}  {found}"
        case Reason.TOO_COARSE:
            return f"{estimate.verdict}  {found}, {estimate.reason}"
        case _:
            return f"{estimate.verdict}  {estimate.reason}"
