"""How `correct` and `check` repair what a detection found, and the options for that."""

from dataclasses import dataclass
from typing import Annotated

import typer

from core.correction.correction import Correction, Inexact
from core.detection.result import Detection, Verdict
from core.workflow.from_detection import detected_correction

RetimeOption = Annotated[
    bool,
    typer.Option(
        "--retime",
        help="Where a drift or jumps are found, retime the audio, which encodes it again.",
    ),
]
KeepPitchOption = Annotated[
    bool,
    typer.Option(
        "--keep-pitch",
        help="Let stretched audio keep its pitch; it is then in place to some 20 ms only.",
    ),
]
InexactOption = Annotated[
    Inexact | None,
    typer.Option(
        "--inexact",
        help="What to do where the container keeps no times and the sound is coded (AVI): shift by "
        "whole packets, or decode the sound and store it as PCM. Without it nothing is written.",
    ),
]


@dataclass(frozen=True, slots=True)
class Repair:
    """How offsets that were found are repaired.

    Attributes:
        inexact: What may be done where the container cannot carry the exact shift.
        retimes: Whether sound is encoded again where its offset changes.
        keeps_pitch: Whether stretched sound keeps its pitch.
    """

    inexact: InexactOption = None
    retimes: RetimeOption = False
    keeps_pitch: KeepPitchOption = False

    def applies_to(self, detection: Detection) -> bool:
        """Tell whether a clip is known to be out of sync in a way that may be repaired."""
        is_out = detection.estimate.verdict is Verdict.OUT_OF_SYNC
        return is_out and (self.retimes or detection.changing_map is None)

    def unused_sentences(self, correction: Correction) -> tuple[str, ...]:
        """Say which wish has no use for a correction that followed from a detection."""
        retiming = correction.retiming
        sentences = []
        if self.keeps_pitch and (retiming is None or not retiming.is_stretched):
            sentences.append("--keep-pitch changes nothing here: no sound is stretched.")
        if self.inexact is not None and retiming is not None:
            sentences.append(
                f"--inexact {self.inexact} changes nothing here: retimed sound is encoded again, "
                "at its exact place."
            )
        return tuple(sentences)

    def correction(self, detection: Detection, audio_stream_indices: tuple[int, ...]) -> Correction:
        """Return the correction that a clip asks for.

        Raises:
            ExportError: The offset jumps, and its pieces are too short to be moved so far.
        """
        return detected_correction(
            detection, audio_stream_indices, self.inexact, keeps_pitch=self.keeps_pitch
        )
