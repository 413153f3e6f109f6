"""Options of `correct` and `check` for corrections."""

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
        help="Retime the audio where a drift or jumps are found. It is encoded again.",
    ),
]
KeepPitchOption = Annotated[
    bool,
    typer.Option(
        "--keep-pitch",
        help="Keep the pitch of stretched audio. It is then in place to about 20 ms only.",
    ),
]
InexactOption = Annotated[
    Inexact | None,
    typer.Option(
        "--inexact",
        help="For coded audio in a container without times (AVI): shift it by whole packets, or "
        "decode it and store it as PCM. Without this option the copy becomes MKV.",
    ),
]


@dataclass(frozen=True, slots=True)
class CorrectOptions:
    """Options of a correction.

    Attributes:
        inexact: Fallback where the container cannot carry the exact shift.
        retimes: Whether a changing offset is corrected, by encoding the audio again.
        keeps_pitch: Whether stretched audio keeps its pitch.
    """

    inexact: InexactOption = None
    retimes: RetimeOption = False
    keeps_pitch: KeepPitchOption = False

    def applies_to(self, detection: Detection) -> bool:
        """Whether a clip is out of sync and these options allow its correction."""
        is_out = detection.estimate.verdict is Verdict.OUT_OF_SYNC
        return is_out and (self.retimes or detection.changing_map is None)

    def unused_sentences(self, correction: Correction) -> tuple[str, ...]:
        """Sentences on options without an effect on a detected correction."""
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
        """Correction of a detected offset.

        Raises:
            ExportError: The offset jumps, and the pieces are too short for their moves.
        """
        return detected_correction(
            detection, audio_stream_indices, self.inexact, keeps_pitch=self.keeps_pitch
        )
