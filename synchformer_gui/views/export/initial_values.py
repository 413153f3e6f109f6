"""Initial values of an export: the measured delay, or one stated by the file itself."""

from dataclasses import dataclass
from fractions import Fraction

from core.detection.result import Detection, Verdict
from core.media.delay_hints import DelayHint
from core.media.info import MediaInfo
from core.timing import delay_for
from core.units import delay_text

_CANNOT_TELL = "The detection could not tell, so type the delay that you know to be right."
_CHANGING = "The offset changes over the clip and no one delay repairs it; type the one you want."
_TOLERABLE = (
    "The offset changes, but all of it is in sync; retime the sound or type a delay to move it all "
    "the same."
)
_ON_TIME = "The sound was found on time; type a delay to move it all the same."
_UNTYPED = "Type the delay of the sound."
_UNMEASURED = "Nothing was measured yet, so type the delay that you know to be right."


@dataclass(frozen=True, slots=True)
class ExportProposal:
    """Initial values of an export; the user may change all of them.

    Attributes:
        info: The clip.
        audio_stream_index: Stream of the container to move.
        delay: Text of the delay; empty if none is proposed.
        advice: Advice while no delay is typed.
        changing: Detection of a drift or of jumps, for retiming.
        retimes: Whether retiming is proposed; it encodes audio again.
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
    """Initial values for a clip.

    Args:
        info: The clip.
        audio_stream_index: The chosen stream of the container.
        detection: The detection, if there is one. It proposes no delay if the verdict is "cannot
            tell", the audio is on time or the offset changes.
        hint: Delay hint chosen instead.
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
        return ExportProposal(info, index, "", _CANNOT_TELL)
    delay_ms = round(1000 * delay_for(estimate.offset_s))
    if not delay_ms:
        return ExportProposal(info, index, "", _ON_TIME)
    return ExportProposal(info, index, f"{delay_ms}ms", _UNTYPED)


def _typed(delay_s: Fraction) -> str:
    """Text of a delay for `core.timing.parse_delay`, to the microsecond."""
    return f"{'-' if delay_s < 0 else ''}{delay_text(delay_s).replace(' ', '')}"
