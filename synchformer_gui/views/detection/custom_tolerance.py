"""Input of a custom tolerance."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QSpinBox, QWidget

from core.timing import LARGEST_TOLERANCE_MS, Tolerance, custom_tolerance

_PADDING_PX = 6


class CustomTolerance(QWidget):
    """Two numbers: maximum audio lead and maximum audio lag in milliseconds."""

    edited = Signal(str)
    """Carries the name of the tolerance, for `core.timing.tolerance_named`."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.early_spin, self.late_spin = QSpinBox(self), QSpinBox(self)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        for spin, way, limit in (
            (self.early_spin, "early", "lead"),
            (self.late_spin, "late", "lag"),
        ):
            spin.setRange(1, LARGEST_TOLERANCE_MS)
            spin.setSingleStep(5)
            spin.setSuffix(f" ms {way}")
            # The style sheet cannot pad the text of a spin box.
            spin.lineEdit().setTextMargins(_PADDING_PX, 0, _PADDING_PX, 0)
            spin.setToolTip(f"Maximum accepted audio {limit}, in ms")
            spin.setAccessibleName(f"Maximum accepted audio {limit}")
            # Without this, every typed digit would emit a tolerance.
            spin.setKeyboardTracking(False)
            spin.valueChanged.connect(self._on_edited)
            layout.addWidget(spin)

    @property
    def name(self) -> str:
        """Name of the tolerance with these limits."""
        return custom_tolerance(self.early_spin.value(), self.late_spin.value()).name

    def show_limits(self, tolerance: Tolerance) -> None:
        """Show the limits of a tolerance, in whole milliseconds."""
        for spin, limit_s in (
            (self.early_spin, tolerance.early_s),
            (self.late_spin, tolerance.late_s),
        ):
            spin.blockSignals(True)
            spin.setValue(round(1000 * limit_s))
            spin.blockSignals(False)

    def _on_edited(self) -> None:
        self.edited.emit(self.name)
