"""Dialog for the place and options of a corrected file, with a preview of the export.

The correction itself is chosen in `correction_form`. Files are read by jobs while the user types.
"""

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLayout,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from core.correction.correction import Inexact
from core.workflow.export import ExportPreview, ExportRequest, proposed_target
from synchformer_gui.jobs.jobs import JobQueue
from synchformer_gui.settings import ExportPreferences
from synchformer_gui.views import theme
from synchformer_gui.views.export.correction_form import CorrectionForm
from synchformer_gui.views.export.initial_values import ExportProposal
from synchformer_gui.views.export.options import ExportOptions, TargetChooser
from synchformer_gui.views.export.preview import PreviewJob, PreviewView
from synchformer_gui.views.text_label import text_label
from synchformer_gui.wording.export import command_sentence, problem_text
from synchformer_gui.wording.line_breaks import breakable

_MIN_WIDTH_PX = 600
_FRAME_PX = 60
"""For the title bar, and so that the dialog does not touch the edges of the screen."""
_LOOKING = "Reading the file…"


class ExportDialog(QDialog):
    """Dialog for requests, accepted only without a problem in their preview.

    Args:
        proposal: Initial values.
        preferences: Options chosen the last time.
        queue: Queue for previews.
    """

    def __init__(
        self,
        proposal: ExportProposal,
        preferences: ExportPreferences,
        queue: JobQueue,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._info = proposal.info
        self._inexact: Inexact | None = None
        self._problem = _LOOKING
        self._preview: ExportPreview | None = None
        self.preview_job = PreviewJob(queue, self)
        # Nested widgets report their new height only after the event loop has run.
        self._fitting = QTimer(self, singleShot=True, interval=0)
        self.setWindowTitle("Export corrected")
        self.setMinimumWidth(_MIN_WIDTH_PX)
        content = QVBoxLayout()
        self._area = FittingArea(content, self)
        self.correction_form = CorrectionForm(proposal, self)
        self.target_chooser = TargetChooser(self)
        self.options = ExportOptions(self._info, preferences, self)
        self._suffix = str(self.options.container_combo.itemData(0))
        self.preview_view = PreviewView(self)
        self.problem_label = text_label(self, "error")
        self.command_label = text_label(self, "muted")
        self.command_button = QPushButton("Copy &ffmpeg command", self)
        self.command_button.setToolTip("For scripts: the equivalent command of the ffmpeg program")
        self.cancel_button = QPushButton("Cancel", self)
        for button in (self.command_button, self.cancel_button):
            button.setAutoDefault(False)
        self.export_button = QPushButton("&Export", self)
        self.export_button.setObjectName("primary")
        self.export_button.setDefault(True)
        self._arrange(content, QVBoxLayout(self))
        self._propose_name()
        self._connect()
        self._review(is_typing=False)
        self.correction_form.delay_field.selectAll()
        self.correction_form.setFocus()

    @property
    def request(self) -> ExportRequest:
        """The export request.

        Raises:
            ValueError: The text is no delay, no stream is ticked, or the name is empty.
        """
        target = self.target_chooser.target
        if target is None:
            raise ValueError("name the new file")
        return ExportRequest(
            self._info,
            target,
            replace(self.correction_form.correction, inexact=self._inexact),
            overwrite=self.target_chooser.overwrite,
            layout=self.options.media_layout,
            keeps_times=self.options.keeps_times,
            verifies=self.options.verifies,
            certifies=self.options.certifies,
        )

    @property
    def preview(self) -> ExportPreview:
        """Preview of the accepted request.

        Raises:
            ValueError: There is none yet.
        """
        if self._preview is None:
            raise ValueError("the export has no preview yet")
        return self._preview

    def done(self, result: int) -> None:
        # Escape and the button of the title bar both end here.
        self.preview_job.forget()
        super().done(result)

    def _arrange(self, content: QVBoxLayout, layout: QVBoxLayout) -> None:
        """Lay the dialog out.

        Args:
            content: Layout of the part that scrolls on a low screen.
            layout: Layout of the dialog.
        """
        target_label = QLabel("&New file", self)
        target_label.setBuddy(self.target_chooser)
        # The label stands beside the first line of its widget.
        target_label.setFixedHeight(self.target_chooser.field.sizeHint().height())
        target_row = QGridLayout()
        target_row.setHorizontalSpacing(14)
        target_row.setColumnStretch(1, 1)
        target_row.setColumnMinimumWidth(0, self.correction_form.label_width_px)
        target_row.addWidget(target_label, 0, 0, Qt.AlignmentFlag.AlignTop)
        target_row.addWidget(self.target_chooser, 0, 1)
        buttons = QHBoxLayout()
        buttons.addWidget(self.command_button)
        buttons.addStretch(1)
        buttons.addWidget(self.cancel_button)
        buttons.addWidget(self.export_button)
        layout.setContentsMargins(20, 18, 20, 18)
        layout.setSpacing(12)
        content.setSpacing(12)
        content.addWidget(self.correction_form)
        content.addLayout(target_row)
        content.addWidget(self.options)
        content.addWidget(self.preview_view)
        content.addStretch(1)
        layout.addWidget(self._area)
        layout.addWidget(self.problem_label)
        layout.addStretch(1)
        layout.addWidget(self.command_label)
        layout.addLayout(buttons)

    def _connect(self) -> None:
        self.correction_form.edited.connect(self._on_moved)
        self.target_chooser.edited.connect(self._on_target)
        self.options.container_chosen.connect(self._on_container)
        self.options.template_edited.connect(self._on_template)
        self.options.edited.connect(self._review)
        self.options.folded.connect(self._fitting.start)
        self._fitting.timeout.connect(self._fit)
        self.preview_view.inexact_chosen.connect(self._on_inexact)
        self.preview_view.container_chosen.connect(self._on_container)
        self.preview_job.previewed.connect(self._on_previewed)
        self.preview_job.waiting.connect(self._on_waiting)
        self.command_button.clicked.connect(self._on_command)
        self.cancel_button.clicked.connect(self.reject)
        self.export_button.clicked.connect(self.accept)

    def _on_moved(self) -> None:
        if self.correction_form.retimes:
            self._inexact = None
        if self.target_chooser.is_proposed:
            self._propose_name()
        self._review()

    def _on_template(self) -> None:
        self._propose_name()
        self._review()

    def _on_target(self) -> None:
        target = self.target_chooser.target
        suffix = target.suffix if target else ""
        if suffix.lower() != self._suffix.lower():
            self._suffix, self._inexact = suffix, None
        self.options.show_container(suffix)
        self._review()

    def _on_container(self, suffix: str) -> None:
        if self.target_chooser.is_proposed:
            self._suffix, self._inexact = suffix, None
            self._propose_name()
        else:
            self.target_chooser.change_suffix(suffix)
        self._review()

    def _on_inexact(self, inexact: Inexact) -> None:
        self._inexact = inexact
        self._review()

    def _propose_name(self) -> None:
        """Name the file by the template, if it is valid."""
        try:
            self.target_chooser.propose(self._template_target())
        except ValueError:
            return
        target = self.target_chooser.target
        self.options.show_container(target.suffix if target else "")

    def _template_target(self) -> Path:
        correction = self.correction_form.likely_correction
        return proposed_target(self._info, self._suffix, self.options.template, correction)

    def _review(self, *, is_typing: bool = True) -> None:
        """Show problems of the input at once, and a preview soon."""
        self.command_label.hide()
        self.export_button.setEnabled(False)
        self._preview = None
        self._problem = problem = self._typed_problem()
        if problem:
            self.preview_job.forget()
            self.preview_view.hide()
            self._show_problem(problem)
        else:
            self._problem = _LOOKING
            self.preview_job.look(self.request, is_typing=is_typing)

    def _typed_problem(self) -> str:
        if problem := self.correction_form.review():
            return problem
        if self.target_chooser.target is None:
            return "Name the new file."
        try:
            self._template_target()
        except ValueError as error:
            return f"{error}."
        return ""

    def _on_previewed(self, planned: ExportPreview) -> None:
        self._preview = planned
        self._problem = problem_text(planned)
        self.target_chooser.offer_replacing(target_exists=planned.taken is not None)
        self.preview_view.show_preview(planned)
        self.correction_form.show_plan(planned.plan)
        self.export_button.setEnabled(not self._problem)
        self._show_problem(self._problem)

    def _on_waiting(self) -> None:
        self._show_problem(_LOOKING)

    def _show_problem(self, problem: str) -> None:
        self.problem_label.setText(breakable(problem))
        self.problem_label.setVisible(bool(problem))
        is_advice = problem in {self.correction_form.advice, _LOOKING}
        theme.rename(self.problem_label, "muted" if is_advice else "error")
        self.export_button.setToolTip(problem)
        self._fitting.start()

    def _fit(self) -> None:
        """Resize the dialog to its content, within the screen."""
        layout = self.layout()
        if layout is None:
            return
        margins = layout.contentsMargins()
        sides_px = margins.left() + margins.right()
        self.setMinimumWidth(max(_MIN_WIDTH_PX, self._area.least_width_px + sides_px))
        width_px = self.width()
        layout.activate()
        others_px = layout.totalHeightForWidth(width_px) - self._area.minimumHeight()
        most_px = self.screen().availableGeometry().height() - _FRAME_PX - others_px
        self._area.fit(width_px - sides_px, most_px)
        layout.activate()
        self.resize(width_px, layout.totalHeightForWidth(width_px))

    def _on_command(self) -> None:
        if self._preview is not None and self._preview.command is not None:
            QGuiApplication.clipboard().setText(self._preview.command)
        sentence = command_sentence(self._preview, self._problem)
        self.command_label.setText(breakable(sentence))
        self.command_label.show()
        self._fitting.start()


class FittingArea(QScrollArea):
    """Area scrolling only if the screen is too low for its content.

    Args:
        content: Layout of the content.
    """

    def __init__(self, content: QLayout, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._content = content
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        body = QWidget(self)
        content.setContentsMargins(0, 0, 0, 0)
        body.setLayout(content)
        self.setWidget(body)
        self.setFixedHeight(1)

    @property
    def least_width_px(self) -> int:
        """Least width without a cut at the side, scroll bar included."""
        self._content.activate()
        bar_px = self.verticalScrollBar().sizeHint().width()
        return self._content.totalMinimumSize().width() + bar_px

    def fit(self, width_px: int, most_px: int) -> None:
        """Set the height of the content at a width, within a limit."""
        # Without it the least height is still that of the content before.
        self._content.activate()
        height_px = self._content.totalHeightForWidth(width_px)
        self.setFixedHeight(min(height_px, max(most_px, 1)))
