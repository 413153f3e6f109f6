"""Form of the correction: audio streams, and a delay or a retiming."""

from collections.abc import Sequence
from fractions import Fraction

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from core.correction.correction import Correction
from core.correction.plan.plan import CorrectionPlan, check_correction
from core.detection.result import Detection
from core.errors import ExportError
from core.media.info import AudioStream
from core.timing import parse_delay
from core.workflow.from_detection import retiming_correction
from synchformer_gui.views.detection.clip_info import audio_title
from synchformer_gui.views.export.initial_values import ExportProposal
from synchformer_gui.views.text_label import text_label
from synchformer_gui.wording.export import correction_text, encoded_again_sentence, retiming_title
from synchformer_gui.wording.line_breaks import breakable, unbroken
from synchformer_gui.wording.offset import delay_sentence
from synchformer_gui.wording.verdict import correction_sentence

_UNITS = "160ms, 0.16s, 4f (frames), 7680sa (samples); negative moves it earlier"
_MAX_ROWS = 5
_FRAME_PX = 6


class CorrectionForm(QWidget):
    """Input of a correction.

    Args:
        proposal: Initial values.
    """

    edited = Signal()

    def __init__(self, proposal: ExportProposal, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._info = proposal.info
        self.advice = proposal.advice
        self.retiming: RetimingChooser | None = None
        if proposal.changing is not None:
            self.retiming = RetimingChooser(
                proposal.changing, retimes=proposal.retimes, parent=self
            )
            self.retiming.edited.connect(self.edited)
        self.delay_field = QLineEdit(proposal.delay, self)
        self.delay_field.setPlaceholderText(_UNITS)
        self.sentence_label = text_label(self)
        self.stream_list = _StreamList(self._info.audios, proposal.audio_stream_index, self)
        self._arrange()
        self.setFocusProxy(self.delay_field if self.retiming is None else self.retiming)
        self.delay_field.textChanged.connect(self.edited)
        self.stream_list.edited.connect(self.edited)

    @property
    def label_width_px(self) -> int:
        """Width of the labels, for a form around this one with the same column."""
        return max(label.sizeHint().width() for label in self._labels)

    @property
    def retimes(self) -> bool:
        return self.retiming is not None and self.retiming.retimes

    @property
    def audio_delay_s(self) -> Fraction:
        """Exact delay in seconds; positive moves the audio later.

        Samples are those of the first moved stream.

        Raises:
            ValueError: The text is no delay.
        """
        first = next(iter(self.stream_list.indices), self._info.audios[0].index)
        rate_hz = self._info.sample_rate_hz(first)
        return parse_delay(self.delay_field.text(), self._info.frame_rate, rate_hz)

    @property
    def correction(self) -> Correction:
        """The correction.

        Raises:
            ValueError: The text is no delay, or no stream is ticked.
        """
        return self._correction(self.stream_list.indices)

    @property
    def likely_correction(self) -> Correction:
        """The correction, with defaults for missing values."""
        indices = self.stream_list.indices or (self._info.audios[0].index,)
        try:
            return self._correction(indices)
        except ValueError:
            return Correction(indices, Fraction(0))

    def review(self) -> str:
        """Show the choice; a sentence on the first problem with it, empty if there is none."""
        self.sentence_label.hide()
        self.delay_field.setEnabled(not self.retimes)
        if not self.retimes and (problem := self._delay_problem()):
            return problem
        if not self.stream_list.indices:
            return "Choose one audio stream at least."
        try:
            check_correction(self._info, self.correction)
        except ExportError as error:
            return error.message
        return ""

    def show_plan(self, plan: CorrectionPlan | None) -> None:
        """Show the coding of retimed audio."""
        if self.retiming is not None:
            self.retiming.show_plan(plan)

    def _correction(self, indices: tuple[int, ...]) -> Correction:
        if self.retiming is not None and self.retiming.retimes:
            return self.retiming.correction(indices)
        return Correction(indices, self.audio_delay_s)

    def _delay_problem(self) -> str:
        if not self.delay_field.text().strip():
            return self.advice
        try:
            delay_s = self.audio_delay_s
        except ValueError as error:
            return f"{error}."
        if not delay_s:
            return "A delay of 0 changes nothing."
        self.sentence_label.setText(delay_sentence(delay_s))
        self.sentence_label.show()
        return ""

    def _arrange(self) -> None:
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(8)
        grid.setHorizontalSpacing(14)
        grid.setColumnStretch(1, 1)
        streams_label = QLabel("&Audio streams", self)
        rows: list[tuple[int, QLabel, QWidget]] = [
            (1, QLabel("Audio &delay", self), self.delay_field),
            (3, streams_label, self.stream_list),
        ]
        if self.retiming is not None:
            rows.insert(0, (0, QLabel("Correction", self), self.retiming))
        for row, label, widget in rows:
            label.setBuddy(widget)
            # The label stands beside the first line of what it names.
            label.setFixedHeight(self.delay_field.sizeHint().height())
            grid.addWidget(label, row, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(widget, row, 1)
        grid.addWidget(self.sentence_label, 2, 1)
        for part in (streams_label, self.stream_list):
            part.setVisible(len(self._info.audios) > 1)
        self._labels = [label for _, label, _ in rows]
        grid.setColumnMinimumWidth(0, self.label_width_px)


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
        self.retime_button.toggled.connect(self.pitch_box.setEnabled)
        self.retime_button.toggled.connect(self.edited)
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
        self.what_label.setText(unbroken(f"The sound is {correction_text(correction)}."))
        self.pitch_box.setVisible(
            correction.retiming is not None and correction.retiming.is_stretched
        )
        return True

    def _on_pitch(self) -> None:
        self._show_correction()
        self.edited.emit()


class _StreamList(QWidget):
    """A list of audio streams to tick; one, several or all."""

    edited = Signal()

    def __init__(
        self, audios: Sequence[AudioStream], chosen_index: int, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.list = QListWidget(self)
        for number, audio in enumerate(audios, start=1):
            item = QListWidgetItem(audio_title(number, audio), self.list)
            item.setData(Qt.ItemDataRole.UserRole, audio.index)
            item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsUserCheckable)
            is_chosen = audio.index == chosen_index
            item.setCheckState(Qt.CheckState.Checked if is_chosen else Qt.CheckState.Unchecked)
        self.list.setCurrentRow(0)
        n_rows = min(len(audios), _MAX_ROWS)
        self.list.setFixedHeight(n_rows * self.list.sizeHintForRow(0) + _FRAME_PX)
        self.all_button = QPushButton("&All", self)
        self.all_button.setToolTip("Move all audio streams")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.list, 1)
        layout.addWidget(self.all_button, 0, Qt.AlignmentFlag.AlignTop)
        self.setFocusProxy(self.list)
        self.list.itemChanged.connect(self.edited)
        self.all_button.clicked.connect(self._on_all)

    @property
    def indices(self) -> tuple[int, ...]:
        """The ticked streams, by their index in the container."""
        return tuple(
            item.data(Qt.ItemDataRole.UserRole)
            for item in self._items()
            if item.checkState() is Qt.CheckState.Checked
        )

    def _items(self) -> list[QListWidgetItem]:
        return [self.list.item(row) for row in range(self.list.count())]

    def _on_all(self) -> None:
        for item in self._items():
            item.setCheckState(Qt.CheckState.Checked)
