"""Choice between retiming and one delay, for a clip whose offset changes."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QRadioButton, QVBoxLayout, QWidget

from core.correction.correction import Correction
from core.correction.plan.plan import CorrectionPlan
from core.detection.result import Detection
from core.errors import ExportError
from core.workflow.from_detection import retiming_correction
from synchformer_gui.views.text_label import text_label
from synchformer_gui.wording.export import correction_text, encoded_again_sentence, retiming_title
from synchformer_gui.wording.line_breaks import breakable, unbroken
from synchformer_gui.wording.verdict import correction_sentence


class RetimingChooser(QWidget):
    """Choice of retiming, with its effect and coding, or the reason against it.

    Args:
        detection: Detection of a changing offset.
        retimes: Whether retiming is chosen at first.
    """

    edited = Signal()

    def __init__(
        self, detection: Detection, *, retimes: bool, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._detection = detection
        self.retime_button = QRadioButton(retiming_title(detection), self)
        self.retime_button.setToolTip(correction_sentence(detection))
        body = QWidget(self)
        self.what_label = text_label(body, "muted")
        self.coding_label = text_label(body, "warning")
        self.pitch_box = QCheckBox("Keep the pitc&h; in place to some 20 ms only", body)
        self.pitch_box.setToolTip("Else the pitch follows, which is right after a wrong rate")
        self.delay_button = QRadioButton("&One delay for all of the sound", self)
        lines = QVBoxLayout(body)
        lines.setContentsMargins(24, 0, 0, 6)
        lines.setSpacing(4)
        for line in (self.what_label, self.coding_label, self.pitch_box):
            lines.addWidget(line)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 6, 0, 0)
        layout.setSpacing(4)
        for widget in (self.retime_button, body, self.delay_button):
            layout.addWidget(widget)
        is_possible = self._show_correction()
        chosen = self.retime_button if retimes and is_possible else self.delay_button
        chosen.setChecked(True)
        self.setFocusProxy(chosen)
        self.show_plan(None)
        self.pitch_box.setEnabled(self.retimes)
        self.retime_button.toggled.connect(self._on_toggled)
        self.pitch_box.toggled.connect(self._on_pitch)

    @property
    def retimes(self) -> bool:
        return self.retime_button.isChecked()

    def correction(self, audio_stream_indices: tuple[int, ...]) -> Correction:
        """Retiming of streams of the container.

        Raises:
            ExportError: The pieces between jumps are too short for their moves.
        """
        keeps_pitch = self.pitch_box.isChecked()
        return retiming_correction(self._detection, audio_stream_indices, keeps_pitch=keeps_pitch)

    def show_plan(self, plan: CorrectionPlan | None) -> None:
        """Show the coding of the audio, as far as it is known."""
        self.coding_label.setText(encoded_again_sentence(plan))

    def _show_correction(self) -> bool:
        """Show the effect of retiming; False if it cannot be done."""
        try:
            correction = self.correction((self._detection.audio_stream_index,))
        except ExportError as error:
            self.what_label.setText(breakable(error.message))
            self.retime_button.setEnabled(False)
            self.coding_label.hide()
            self.pitch_box.hide()
            return False
        said = correction_text(correction)
        self.what_label.setText(unbroken(f"The sound is {said}."))
        self.pitch_box.setVisible(
            correction.retiming is not None and correction.retiming.is_stretched
        )
        return True

    def _on_toggled(self) -> None:
        self.pitch_box.setEnabled(self.retimes)
        self.edited.emit()

    def _on_pitch(self) -> None:
        self._show_correction()
        self.edited.emit()
