"""The column beside the video: open a clip, detect, export, from top to bottom."""

from PySide6.QtWidgets import QPushButton, QVBoxLayout, QWidget

from core.detection.result import Detection, Verdict
from core.media.info import MediaInfo
from synchformer_gui.session import Activity
from synchformer_gui.views import theme
from synchformer_gui.views.detection.detect_panel import DetectPanel
from synchformer_gui.views.detection.result_panel import ResultPanel
from synchformer_gui.wording.verdict import NO_CLIP, detection_obstacle

_WIDTH_PX = 356
_EXPORT = "Write a corrected copy (E)"
_BUSY = "Busy; wait, or cancel (Esc)"
_STAGES = {
    Activity.OPENING: "Reading the file",
    Activity.DETECTING: "Starting",
    Activity.EXPORTING: "Writing",
    Activity.DETECTING_COPY: "Analyzing the new file",
}


class SidePanel(QWidget):
    """Holds the buttons, the choices and the answer."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedWidth(_WIDTH_PX)
        self.open_button = QPushButton("Open…", self)
        self.open_button.setToolTip("Ctrl+O")
        self.detect_panel = DetectPanel(self)
        self.result_panel = ResultPanel(self)
        self.export_button = QPushButton("Export corrected…", self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(10)
        layout.addWidget(self.open_button)
        layout.addWidget(self.detect_panel)
        layout.addWidget(self.result_panel, 1)
        layout.addWidget(self.export_button)

    def show_activity(
        self, activity: Activity, info: MediaInfo | None, detection: Detection | None
    ) -> None:
        """Enable the possible actions, and make the likely next step prominent.

        Args:
            activity: Present work of the session.
            info: The open clip, if there is one.
            detection: Its answer, if there is one.
        """
        is_idle = activity is Activity.NONE
        obstacle = NO_CLIP if info is None else detection_obstacle(info)
        self.export_button.setEnabled(is_idle and not obstacle)
        self.export_button.setToolTip((obstacle or _EXPORT) if is_idle else _BUSY)
        self.result_panel.delay_hints.setEnabled(is_idle)
        if not is_idle:
            self.detect_panel.set_busy(_STAGES[activity])
            if activity is Activity.DETECTING:
                self.result_panel.show_detecting()
            return
        self.detect_panel.set_idle(obstacle=obstacle, is_answered=detection is not None)
        if detection is None:
            self.show_no_answer(obstacle)

    def show_no_answer(self, obstacle: str = "") -> None:
        """Show how to get an answer, or the obstacle."""
        theme.rename(self.export_button, "secondary")
        self.result_panel.show_no_answer(obstacle)

    def show_detection(self, detection: Detection, *, is_earlier: bool = False) -> None:
        """Show the answer; if out of sync, make export the prominent step."""
        is_wrong = detection.estimate.verdict is Verdict.OUT_OF_SYNC
        theme.rename(self.export_button, "primary" if is_wrong else "secondary")
        self.result_panel.show_detection(detection, is_earlier=is_earlier)
