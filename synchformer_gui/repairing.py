"""Which correction follows from an answer, and whether one does at all."""

from dataclasses import dataclass, replace

from core.detection.repair import retiming_correction
from core.detection.result import Detection, Verdict
from core.media.correction import Correction, Inexact
from core.timing import delay_for


@dataclass(frozen=True, slots=True)
class Repair:
    """How offsets that were found are repaired.

    Attributes:
        inexact: What may be done where the container cannot carry the exact shift.
        retimes: Whether sound is encoded again where its offset changes.
        keeps_pitch: Whether stretched sound keeps its pitch.
    """

    inexact: Inexact | None = None
    retimes: bool = False
    keeps_pitch: bool = False

    def applies_to(self, detection: Detection) -> bool:
        """Tell whether a clip is known to be out of sync in a way that may be repaired."""
        is_out = detection.estimate.verdict is Verdict.OUT_OF_SYNC
        return is_out and (self.retimes or detection.changing_map is None)

    def correction(self, detection: Detection, audio_stream_indices: tuple[int, ...]) -> Correction:
        """Return the correction that a clip asks for, retimed if its offset changes.

        Raises:
            ExportError: The pieces between jumps are too short to be moved so far.
        """
        if detection.changing_map is None:
            delay_s = delay_for(detection.estimate.offset_s)
            return Correction(audio_stream_indices, delay_s, self.inexact)
        retimed = retiming_correction(detection, audio_stream_indices, keeps_pitch=self.keeps_pitch)
        return replace(retimed, inexact=self.inexact)
