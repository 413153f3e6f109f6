"""View of a preview: notes, choices and the promise of the export."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QRadioButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from core.correction.correction import Inexact
from core.correction.plan.plan import CorrectionPlan
from core.workflow.export import ExportPreview
from synchformer_gui.views.text_label import text_label
from synchformer_gui.wording.export import (
    choice_text,
    choices_sentence,
    note_sentences,
    promise_sentence,
)
from synchformer_gui.wording.line_breaks import breakable

_MAX_NOTES_PX = 150


class PreviewView(QWidget):
    """Shows the notes of a plan, and its choices where no exact way exists."""

    inexact_chosen = Signal(object)
    """Carries an Inexact."""
    container_chosen = Signal(str)
    """Carries the suffix of another container."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.choices_label = text_label(self)
        self._group = QButtonGroup(self)
        self.choice_buttons: dict[Inexact | None, QRadioButton] = {}
        for inexact in (*Inexact, None):
            button = QRadioButton(self)
            self._group.addButton(button)
            self.choice_buttons[inexact] = button
        self.notes_label = text_label(self)
        self.notes_area = QScrollArea(self)
        self.notes_area.setWidgetResizable(True)
        self.notes_area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.notes_area.setWidget(self.notes_label)
        self.promise_label = text_label(self, "muted")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self.choices_label)
        for button in self.choice_buttons.values():
            layout.addWidget(button)
        layout.addWidget(self.notes_area)
        layout.addWidget(self.promise_label)
        self._group.buttonClicked.connect(self._on_chosen)
        self.show_nothing()

    def show_nothing(self) -> None:
        """Show no preview."""
        self.hide()

    def show_preview(self, planned: ExportPreview) -> None:
        """Show the notes and choices of a plan."""
        plan = planned.plan
        if plan is None:
            self.hide()
            return
        self._show_choices(plan)
        notes = note_sentences(plan)
        self.notes_label.setText(breakable("\n".join(f"• {note}" for note in notes)))
        self.notes_area.setVisible(bool(notes))
        self.promise_label.setText(promise_sentence(plan))
        self.promise_label.setVisible(plan.is_possible)
        self.setVisible(not plan.streams.refused)
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _show_choices(self, plan: CorrectionPlan) -> None:
        words = {one.inexact: choice_text(one) for one in plan.choices}
        self.choices_label.setText(choices_sentence(plan.target))
        self.choices_label.setVisible(bool(words))
        # An exclusive group cannot release the button that was pressed last.
        self._group.setExclusive(False)
        for inexact, button in self.choice_buttons.items():
            button.setText(words.get(inexact, ""))
            button.setVisible(inexact in words)
            button.setChecked(inexact is not None and inexact is plan.correction.inexact)
        self._group.setExclusive(True)

    def _fit(self) -> None:
        height_px = self.notes_label.heightForWidth(self.width())
        self.notes_area.setFixedHeight(min(max(height_px, 1), _MAX_NOTES_PX))
        scrolls = height_px > _MAX_NOTES_PX
        focus = Qt.FocusPolicy.StrongFocus if scrolls else Qt.FocusPolicy.NoFocus
        self.notes_area.setFocusPolicy(focus)

    def _on_chosen(self, pressed: QRadioButton) -> None:
        inexact = next(one for one, button in self.choice_buttons.items() if button is pressed)
        if inexact is None:
            self.container_chosen.emit(".mkv")
        else:
            self.inexact_chosen.emit(inexact)
