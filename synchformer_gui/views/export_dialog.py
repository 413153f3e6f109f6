"""Asks where the corrected file goes and by how much the sound is moved."""

from fractions import Fraction
from pathlib import Path

from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from core.detection.result import Detection, Verdict
from core.errors import ExportError
from core.media.containers import output_format
from core.media.correction import Correction
from core.media.naming import default_target
from core.media.remux import check_correction
from core.timing import delay_for, parse_delay
from synchformer_gui import wording

_MIN_WIDTH_PX = 560
_UNTOLD = "The detection could not tell, so type the delay that you know to be right."
_CHANGING = "The offset changes over the clip and no one delay repairs it; type the one you want."


class ExportDialog(QDialog):
    """Accepts only a delay that moves something within the clip and a target that can be written.

    Args:
        detection: The answer; its offset is proposed, unless it was "cannot tell" or it changes.
    """

    def __init__(self, detection: Detection, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._info = detection.info
        self._audio_stream_index = detection.audio_stream_index
        self.setWindowTitle("Export corrected")
        self.setMinimumWidth(_MIN_WIDTH_PX)
        self.delay_field = QLineEdit(self)
        self.delay_field.setPlaceholderText("160ms, 0.16s, 4f (frames); negative moves it earlier")
        self.sentence_label = QLabel(self)
        self.sentence_label.setWordWrap(True)
        self.target_field = QLineEdit(str(default_target(self._info)), self)
        browse_button = QPushButton("Browse…", self)
        self.folder_label = QLabel(self)
        self.folder_label.setObjectName("muted")
        self.folder_label.setWordWrap(True)
        self.replace_box = QCheckBox("Replace the file of that name", self)
        self.problem_label = QLabel(self)
        self.problem_label.setObjectName("error")
        self.problem_label.setWordWrap(True)
        note = QLabel(
            "Nothing is encoded again: every packet is copied, only the timing of the "
            "audio changes. The original stays as it is.",
            self,
        )
        note.setObjectName("muted")
        note.setWordWrap(True)
        self.export_button = QPushButton("Export", self)
        self.export_button.setObjectName("primary")
        self.export_button.setDefault(True)
        cancel_button = QPushButton("Cancel", self)
        self._arrange(browse_button, cancel_button, note)
        self._is_changing = detection.changing_map is not None
        if detection.estimate.verdict is not Verdict.CANNOT_TELL and not self._is_changing:
            delay_ms = round(1000 * delay_for(detection.estimate.offset_s))
            self.delay_field.setText(f"{delay_ms}ms")
        self.delay_field.textChanged.connect(self._on_delay)
        self.target_field.textChanged.connect(self._on_target)
        self.replace_box.toggled.connect(self._on_target)
        browse_button.clicked.connect(self._on_browse)
        self.export_button.clicked.connect(self.accept)
        cancel_button.clicked.connect(self.reject)
        self._target_problem = ""
        self._on_target()

    @property
    def target(self) -> Path:
        return Path(self.target_field.text().strip()).expanduser()

    @property
    def overwrite(self) -> bool:
        """Whether the user agreed to replace an existing file."""
        return self.target.exists() and self.replace_box.isChecked()

    @property
    def audio_delay_s(self) -> Fraction:
        """Exact seconds; positive moves the sound later.

        Raises:
            ValueError: What is typed is not a delay.
        """
        return parse_delay(self.delay_field.text(), self._info.frame_rate)

    def _arrange(self, browse: QPushButton, cancel: QPushButton, note: QLabel) -> None:
        target_row = QHBoxLayout()
        target_row.setSpacing(8)
        target_row.addWidget(self.target_field, 1)
        target_row.addWidget(browse)
        form = QGridLayout()
        form.setVerticalSpacing(8)
        form.setHorizontalSpacing(14)
        form.addWidget(QLabel("Audio delay", self), 0, 0)
        form.addWidget(self.delay_field, 0, 1)
        form.addWidget(self.sentence_label, 1, 1)
        form.addWidget(QLabel("New file", self), 2, 0)
        form.addLayout(target_row, 2, 1)
        form.addWidget(self.folder_label, 3, 1)
        form.addWidget(self.replace_box, 4, 1)
        form.addWidget(self.problem_label, 5, 1)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(cancel)
        buttons.addWidget(self.export_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 18)
        layout.setSpacing(12)
        layout.addLayout(form)
        layout.addWidget(note)
        layout.addLayout(buttons)

    def _on_target(self) -> None:
        # Looks at the disk, which may be a slow one: not while the delay is typed.
        self._target_problem = self._show_target()
        self._on_delay()

    def _on_delay(self) -> None:
        problem = self._show_delay() or self._target_problem
        self.problem_label.setText(wording.breakable(problem))
        self.problem_label.setVisible(bool(problem))
        self.export_button.setEnabled(not problem)

    def _show_delay(self) -> str:
        self.sentence_label.clear()
        if not self.delay_field.text().strip():
            return _CHANGING if self._is_changing else _UNTOLD
        try:
            delay_s = self.audio_delay_s
        except ValueError as error:
            return f"{error}."
        self.sentence_label.setText(wording.correction_sentence(delay_s))
        if not delay_s:
            return "A delay of 0 changes nothing."
        try:
            check_correction(self._info, Correction((self._audio_stream_index,), delay_s))
        except ExportError as error:
            return error.message
        return ""

    def _show_target(self) -> str:
        target = self.target
        exists = target.exists()
        self.replace_box.setVisible(exists)
        folder = target.absolute().parent
        self.folder_label.setText(wording.breakable(f"In the folder {folder}"))
        if not self.target_field.text().strip() or target.is_dir():
            return "Name the new file."
        if exists and self._info.path.exists() and target.samefile(self._info.path):
            self.replace_box.hide()
            return "The original is never replaced; choose another name."
        if not folder.is_dir():
            return f"There is no folder {folder}."
        try:
            output_format(target, self._info.container)
        except ExportError as error:
            return error.message
        if exists and not self.replace_box.isChecked():
            return f"{target.name} already exists; choose another name or agree to replace it."
        return ""

    def _on_browse(self) -> None:
        name, _ = QFileDialog.getSaveFileName(
            self,
            "Export corrected",
            str(self.target),
            options=QFileDialog.Option.DontConfirmOverwrite,
        )
        if name:
            self.target_field.setText(name)
