"""The answer in words, its engine, and the report on an export."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from PySide6.QtCore import Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from core.detection.result import Detection, Verdict
from core.media.delay_hints import DelayHint
from core.workflow.export import Exported
from synchformer_gui.views import theme
from synchformer_gui.views.text_label import text_label
from synchformer_gui.wording.engines import better_model
from synchformer_gui.wording.export import exported_lines, hint_action
from synchformer_gui.wording.line_breaks import breakable, unbroken
from synchformer_gui.wording.offset import confidence_text, interval_text
from synchformer_gui.wording.verdict import (
    NO_CLIP,
    NO_EVIDENCE,
    NO_OFFSET,
    answer_sentence,
    belonging_text,
    correction_sentence,
    headline,
    is_known_to_change,
    recheck_sentence,
    second_opinion_sentence,
    verdict_title,
)

_EARLIER = "From an earlier detection with the same options. Press Detect offset to repeat it."
_HINT_NO_ANSWER = "Press Detect offset to find out whether the sound is early or late."
_HINT_DETECTING = "Comparing picture and sound. The sync map fills as windows are analyzed."


class ResultPanel(QScrollArea):
    """Shows one detection and the export made from it."""

    models_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        card = QFrame(self)
        card.setObjectName("card")
        self.setWidget(card)
        self.hint_label = text_label(card, "muted")
        self.hint_label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.earlier_label = text_label(card, "muted")
        self.earlier_label.setText(_EARLIER)
        self.verdict_label = text_label(card)
        self.verdict_label.setFont(theme.scaled_font(self.font(), 0.95, bold=True))
        self.headline_label = text_label(card)
        self.headline_label.setFont(theme.scaled_font(self.font(), 2.0, bold=True))
        self.answer_label = text_label(card)
        self.correction_label = text_label(card)
        self.correction_label.setFont(theme.scaled_font(self.font(), 1.0, bold=True))
        self.facts = _Details(card)
        self.second_label = text_label(card, "muted")
        self.warning_label = text_label(card, "warning")
        self.offer_label = text_label(card, "muted")
        self.models_button = QPushButton("Get a published model…", card)
        self.models_button.clicked.connect(self.models_requested)
        self.exported = _ExportedNote(card)
        self.exported.hide()
        self.delay_hints = _DelayHints(card)
        layout = QVBoxLayout(card)
        layout.setContentsMargins(16, 14, 16, 14)
        layout.setSpacing(8)
        # The report on an export is at the top, visible without scrolling.
        layout.addWidget(self.exported)
        layout.addWidget(self.hint_label, 100)
        for widget in self._answer_widgets():
            layout.addWidget(widget)
        layout.addStretch(1)
        layout.addWidget(self.delay_hints)
        self.show_no_answer(NO_CLIP)

    def show_clip(self, hints: Sequence[DelayHint]) -> None:
        """Show the delay hints of a clip; remove the report on the previous clip."""
        self.clear_exported()
        self.delay_hints.show_hints(hints)

    def show_hint(self, text: str) -> None:
        """Show advice in place of an answer."""
        for widget in self._answer_widgets():
            widget.hide()
        self.hint_label.setText(text)
        self.hint_label.show()

    def show_no_answer(self, obstacle: str = "") -> None:
        """Show how to get an answer, or the obstacle."""
        self.show_hint(obstacle or _HINT_NO_ANSWER)

    def show_detecting(self) -> None:
        self.clear_exported()
        self.show_hint(_HINT_DETECTING)

    def show_detection(self, detection: Detection, *, is_earlier: bool = False) -> None:
        """Show the answer, with a note if it comes from the cache."""
        estimate = detection.estimate
        colour = theme.VERDICT_COLOURS[estimate.verdict]
        self.verdict_label.setText(f"●  {verdict_title(estimate).upper()}")
        self.verdict_label.setStyleSheet(f"color: {colour};")
        self.headline_label.setText(headline(detection))
        self.answer_label.setText(unbroken(answer_sentence(detection)))
        self.correction_label.setText(unbroken(correction_sentence(detection)))
        self.facts.show_detection(detection)
        self.second_label.setText(unbroken(second_opinion_sentence(detection)))
        self.warning_label.setText("\n".join(f"⚠ {text}" for text in detection.warnings))
        self.hint_label.hide()
        for widget in self._answer_widgets():
            widget.show()
        self.headline_label.setVisible(bool(self.headline_label.text()))
        self.correction_label.setVisible(estimate.verdict is Verdict.OUT_OF_SYNC)
        self.facts.setHidden(estimate.reason in NO_EVIDENCE)
        self.earlier_label.setVisible(is_earlier)
        self.second_label.setVisible(bool(self.second_label.text()))
        self.warning_label.setVisible(bool(detection.warnings))
        is_changing = is_known_to_change(detection)
        self.offer_label.setText("" if is_changing else better_model(detection.opinion))
        for widget in (self.offer_label, self.models_button):
            widget.setVisible(bool(self.offer_label.text()))

    def show_exported(self, exported: Exported) -> None:
        """Show the report on a written file."""
        self.exported.show_exported(exported)
        self.exported.show()
        self.verticalScrollBar().setValue(0)

    def clear_exported(self) -> None:
        """Remove the report on the last export."""
        self.exported.hide()

    def _answer_widgets(self) -> tuple[QWidget, ...]:
        return (
            self.earlier_label,
            self.verdict_label,
            self.headline_label,
            self.answer_label,
            self.correction_label,
            self.facts,
            self.second_label,
            self.warning_label,
            self.offer_label,
            self.models_button,
        )


class _Details(QWidget):
    _TITLES = ("Interval", "Confidence", "Belong together", "Windows", "Answered by")

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 6, 0, 6)
        self._grid.setHorizontalSpacing(14)
        self._grid.setVerticalSpacing(5)
        self._grid.setColumnStretch(1, 1)
        self._rows = [self._row(i, title) for i, title in enumerate(self._TITLES)]

    def show_detection(self, detection: Detection) -> None:
        estimate = detection.estimate
        interval = f"{interval_text(estimate)} ({100 * estimate.level:.0f} %)"
        confidence = unbroken(confidence_text(estimate))
        if detection.changing_map:
            interval, confidence = "changes over the clip", ""
        elif estimate.reason in NO_OFFSET:
            interval = "none stands out"
        texts = (
            interval,
            confidence,
            belonging_text(estimate),
            str(estimate.windows_used),
            detection.opinion.engine_name,
        )
        for (name, value), text in zip(self._rows, texts, strict=True):
            value.setText(breakable(text))
            name.setVisible(bool(text))
            value.setVisible(bool(text))

    def _row(self, row: int, title: str) -> tuple[QLabel, QLabel]:
        name = QLabel(title, self)
        name.setObjectName("muted")
        value = text_label(self)
        top = Qt.AlignmentFlag.AlignTop
        self._grid.addWidget(name, row, 0, top)
        self._grid.addWidget(value, row, 1, top)
        return name, value


class _ExportedNote(QFrame):
    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._path_url = QUrl()
        self.label = text_label(self)
        self.label.setStyleSheet(f"color: {theme.GOOD};")
        self.problem_label = text_label(self, "warning")
        self.again_label = text_label(self)
        self.folder_button = QPushButton("Show in folder", self)
        self.folder_button.clicked.connect(self._on_folder)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 8)
        layout.addWidget(self.label)
        layout.addWidget(self.problem_label)
        layout.addWidget(self.again_label)
        layout.addWidget(self.folder_button)

    def show_exported(self, exported: Exported) -> None:
        again = exported.detected
        problems = [*exported.notes, exported.certificate_problem]
        problems = [f"⚠ {problem}" for problem in problems if problem]
        good = replace(exported, detected=None, notes=(), certificate_problem="")
        text = "✔ " + " ".join(exported_lines(good, exported.path.name))
        self.label.setText(breakable(unbroken(text)))
        self.problem_label.setText(breakable(unbroken("\n".join(problems))))
        self.problem_label.setVisible(bool(problems))
        self.again_label.setVisible(again is not None)
        if again is not None:
            said = recheck_sentence(again)
            self.again_label.setText(unbroken(said))
            colour = theme.VERDICT_COLOURS[again.estimate.verdict]
            self.again_label.setStyleSheet(f"color: {colour};")
        self._path_url = QUrl.fromLocalFile(str(exported.path.absolute().parent))

    def _on_folder(self) -> None:
        QDesktopServices.openUrl(self._path_url)


class _DelayHints(QWidget):
    """One sentence per hint, and a button if its delay is not applied yet; hidden without hints."""

    chosen = Signal(object)
    """Carries a DelayHint."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.buttons: tuple[QPushButton, ...] = ()
        self._rows = QWidget(self)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 8, 0, 0)
        self._layout.addWidget(self._rows)
        self.hide()

    def show_hints(self, hints: Sequence[DelayHint]) -> None:
        """Show the hints of a clip in place of the previous ones."""
        rows = QWidget(self)
        layout = QVBoxLayout(rows)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        buttons: list[QPushButton] = []
        for hint in hints:
            label = text_label(rows, "muted")
            label.setText(breakable(unbroken(hint.sentence)))
            layout.addWidget(label)
            # Hints about one stream are start times. Players and detection already apply them, so a
            # second move would undo them.
            if hint.audio_stream_index is not None:
                continue
            button = QPushButton(hint_action(hint.delay_s), rows)
            button.setToolTip("Open the export with this delay; nothing is written yet")
            button.clicked.connect(partial(self.chosen.emit, hint))
            layout.addWidget(button)
            buttons.append(button)
        self._layout.replaceWidget(self._rows, rows)
        self._rows.deleteLater()
        self._rows, self.buttons = rows, tuple(buttons)
        self.setVisible(bool(hints))
