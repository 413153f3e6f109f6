"""Which delay an export begins with: the one that was measured, or that the file itself states."""

from dataclasses import dataclass
from fractions import Fraction

from core.detection.result import Detection, Verdict
from core.media.delay_hints import DelayHint
from core.media.info import MediaInfo
from core.timing import delay_for
from core.units import delay_text

_UNTOLD = "The detection could not tell, so type the delay that you know to be right."
_CHANGING = "The offset changes over the clip and no one delay repairs it; type the one you want."
_TOLERABLE = (
    "The offset changes, but all of it is in sync; retime the sound or type a delay to move it all "
    "the same."
)
_ON_TIME = "The sound was found on time; type a delay to move it all the same."
_UNTYPED = "Type by how much the sound is to move."
_UNMEASURED = "Nothing was measured yet, so type the delay that you know to be right."


@dataclass(frozen=True, slots=True)
class ExportProposal:
    """What an export begins with, all of it to be changed at will.

    Attributes:
        info: The clip.
        audio_stream_index: Stream of the container that is moved.
        delay: As it would be typed; empty if none is proposed.
        advice: What to do where no delay is typed.
        changing: The answer that the offset drifts or jumps, which retiming can follow.
        retimes: Whether it is proposed that retiming does; it encodes sound again.
    """

    info: MediaInfo
    audio_stream_index: int
    delay: str
    advice: str
    changing: Detection | None = None
    retimes: bool = False


def propose(
    info: MediaInfo,
    audio_stream_index: int,
    detection: Detection | None = None,
    hint: DelayHint | None = None,
) -> ExportProposal:
    """Return what an export begins with.

    Args:
        info: The clip.
        audio_stream_index: The chosen stream of the container.
        detection: The answer, if there is one; it proposes no delay if it was "cannot tell", if
            the sound is on time, or if the offset changes.
        hint: What the user took instead.
    """
    changing = detection if detection is not None and detection.changing_map else None
    if hint is not None:
        index = hint.audio_stream_index
        chosen = audio_stream_index if index is None else index
        return ExportProposal(info, chosen, _typed(hint.delay_s), _UNTYPED, changing)
    if detection is None:
        return ExportProposal(info, audio_stream_index, "", _UNMEASURED)
    index, estimate = detection.audio_stream_index, detection.estimate
    if changing is not None:
        advice = _TOLERABLE if estimate.verdict is Verdict.IN_SYNC else _CHANGING
        retimes = estimate.verdict is Verdict.OUT_OF_SYNC
        return ExportProposal(info, index, "", advice, changing, retimes)
    if estimate.verdict is Verdict.CANNOT_TELL:
        return ExportProposal(info, index, "", _UNTOLD)
    delay_ms = round(1000 * delay_for(estimate.offset_s))
    if not delay_ms:
        return ExportProposal(info, index, "", _ON_TIME)
    return ExportProposal(info, index, f"{delay_ms}ms", _UNTYPED)


def _typed(delay_s: Fraction) -> str:
    """Write a delay so that `core.timing.parse_delay` reads it, to the microsecond."""
    return f"{'-' if delay_s < 0 else ''}{delay_text(delay_s).replace(' ', '')}"
