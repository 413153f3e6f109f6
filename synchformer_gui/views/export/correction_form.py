"""Form of the correction: audio streams, and a delay or a retiming."""

from fractions import Fraction

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QLabel, QLineEdit, QWidget

from core.correction.correction import Correction
from core.correction.plan.plan import CorrectionPlan, check_correction
from core.errors import ExportError
from core.timing import parse_delay
from synchformer_gui.views.export.initial_values import ExportProposal
from synchformer_gui.views.export.retiming_chooser import RetimingChooser
from synchformer_gui.views.export.stream_list import StreamList
from synchformer_gui.views.text_label import text_label
from synchformer_gui.wording.offset import delay_sentence

_UNITS = "160ms, 0.16s, 4f (frames), 7680sa (samples); negative moves it earlier"


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
        self.stream_list = StreamList(self._info.audios, proposal.audio_stream_index, self)
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
