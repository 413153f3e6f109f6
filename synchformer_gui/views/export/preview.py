"""Preview of an export: made after the last change of the request, and its view."""

from PySide6.QtCore import QObject, Qt, QTimer, Signal
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
from core.errors import SyncError
from core.workflow.export import ExportPreview, ExportRequest, preview
from synchformer_gui.jobs.jobs import Job, JobQueue
from synchformer_gui.views.text_label import text_label
from synchformer_gui.wording.export import (
    choice_text,
    choices_sentence,
    note_sentences,
    promise_sentence,
)
from synchformer_gui.wording.line_breaks import breakable

_TYPING_MS = 150
_PATIENCE_MS = 600
_MAX_NOTES_PX = 150


class PreviewJob(QObject):
    """Previews one request at a time; a newer one takes its place.

    Args:
        queue: Queue for the preview.
    """

    previewed = Signal(object)
    """Carries an ExportPreview."""
    waiting = Signal()
    """The preview takes noticeably long."""

    def __init__(self, queue: JobQueue, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._queue = queue
        self._request: ExportRequest | None = None
        self._job: Job | None = None
        self._typing = QTimer(self, singleShot=True)
        self._typing.timeout.connect(self._look)
        self._patience = QTimer(self, singleShot=True)
        self._patience.timeout.connect(self.waiting)

    @property
    def is_looking(self) -> bool:
        return self._request is not None

    def look(self, request: ExportRequest, *, is_typing: bool = True) -> None:
        """Preview a request, after a moment if more may be typed."""
        self.forget()
        self._request = request
        self._typing.start(_TYPING_MS if is_typing else 0)
        self._patience.start(_PATIENCE_MS)

    def forget(self) -> None:
        """Cancel the preview."""
        self._typing.stop()
        self._patience.stop()
        self._request = None
        if self._job is not None:
            self._job.cancel()
            self._job = None

    def _look(self) -> None:
        request = self._request
        if request is None:
            return
        self._job = Job(lambda job: preview(request, job))
        self._job.succeeded.connect(self._on_previewed)
        self._job.failed.connect(self._on_failed)
        self._queue.submit(self._job)

    def _on_previewed(self, planned: ExportPreview) -> None:
        if self.sender() is self._job:
            self.forget()
            self.previewed.emit(planned)

    def _on_failed(self, error: SyncError) -> None:
        if self._request is not None:
            self._on_previewed(ExportPreview(self._request, plan_problem=error.message))


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
