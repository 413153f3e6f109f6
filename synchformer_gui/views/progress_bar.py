"""A progress bar with a line of text below."""

from PySide6.QtWidgets import QLabel, QProgressBar, QVBoxLayout, QWidget

from core.units import duration_text
from synchformer_gui.jobs.jobs import JobProgress

_BAR_STEPS = 1000


class ProgressBar(QWidget):
    """Stage, percentage and remaining time of a job; hidden while there is none."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.bar = QProgressBar(self)
        self.bar.setTextVisible(False)
        self.label = QLabel(self)
        self.label.setObjectName("muted")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 6, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.bar)
        layout.addWidget(self.label)
        # Widgets below must not move when work begins and ends.
        policy = self.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.setSizePolicy(policy)
        self.hide()

    def begin(self, stage: str) -> None:
        """Show a stage of unknown length."""
        self.bar.setRange(0, 0)
        self.label.setText(stage)
        self.show()

    def show_progress(self, progress: JobProgress) -> None:
        """Show the progress of a job."""
        text = progress.stage
        if progress.fraction is None:
            self.bar.setRange(0, 0)
        else:
            self.bar.setRange(0, _BAR_STEPS)
            self.bar.setValue(round(progress.fraction * _BAR_STEPS))
            text += f"  ·  {100 * progress.fraction:.0f} %"
        if progress.remaining_s is not None:
            text += f"  ·  {duration_text(progress.remaining_s)} left"
        self.label.setText(text)
