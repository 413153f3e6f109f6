"""The part of the clip to analyze: chosen in the timeline, shown as a shaded band."""

import pyqtgraph as pg
from pyqtgraph.GraphicsScene.mouseEvents import MouseDragEvent
from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor

from core.timing import TimeSpan
from synchformer_gui.views import theme

LEAST_S = 0.64
"""Shortest part to analyze: a segment, in seconds."""

_ALPHA = 50
_EDGE_PX = 2


class TimeBox(pg.ViewBox):  # type: ignore[misc]
    """View box of a plot over time. Dragging with the shift key marks a part."""

    marked = Signal(float, float)
    """Carries start and present position of the drag in plot units."""
    mark_ended = Signal()

    def mouseDragEvent(self, ev: MouseDragEvent, axis: int | None = None) -> None:
        is_marking = ev.modifiers() & Qt.KeyboardModifier.ShiftModifier
        if ev.button() != Qt.MouseButton.LeftButton or not is_marking:
            super().mouseDragEvent(ev, axis)
            return
        ev.accept()
        self.marked.emit(self.mapToView(ev.buttonDownPos()).x(), self.mapToView(ev.pos()).x())
        if ev.isFinish():
            self.mark_ended.emit()


class RegionPicker(QObject):
    """Shaded band over the chosen part. Its edges can be dragged.

    Args:
        box: View box of the plot.
        parent: Owner.
    """

    chosen = Signal(object)
    """Carries the chosen TimeSpan; None for the whole clip."""

    def __init__(self, box: TimeBox, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._duration_s = 0.0
        self._span: TimeSpan | None = None
        colour = QColor(theme.ACCENT)
        pen = pg.mkPen(colour, width=_EDGE_PX)
        colour.setAlpha(_ALPHA)
        self.item = pg.LinearRegionItem(
            brush=colour, hoverBrush=colour, pen=pen, hoverPen=pen, swapMode="sort"
        )
        self.item.setVisible(False)
        # Clicks and drags inside the band go to the plot; only the edges of the band can be moved.
        self.item.setAcceptedMouseButtons(Qt.MouseButton.NoButton)
        self.item.mouseDragEvent = _ignore
        box.marked.connect(self._on_marked)
        box.mark_ended.connect(self._on_ended)
        self.item.sigRegionChangeFinished.connect(self._on_ended)

    @property
    def span(self) -> TimeSpan | None:
        """Chosen part; None for the whole clip."""
        return self._span

    def set_clip(self, duration_s: float) -> None:
        """Start with the whole of another clip."""
        self._duration_s = duration_s
        self.item.setBounds((0, duration_s))
        self._show(None)

    def choose(self, start_s: float, end_s: float) -> None:
        """Choose the part between two positions in seconds, in either order.

        The part is cut to the clip. A part shorter than a segment selects the whole clip.
        """
        low, high = sorted((start_s, end_s))
        low, high = max(0.0, low), min(self._duration_s, high)
        is_whole = low <= 0 and high >= self._duration_s
        span = None if high - low < LEAST_S or is_whole else TimeSpan(low, high)
        has_changed = span != self._span
        self._show(span)
        if has_changed:
            self.chosen.emit(span)

    def start_at(self, position_s: float) -> None:
        """Start the part at a position. Keep a later end, else take the clip's."""
        span = self._span
        end_s = span.end_s if span is not None and span.end_s > position_s else self._duration_s
        self.choose(position_s, end_s)

    def end_at(self, position_s: float) -> None:
        """End the part at a position. Keep an earlier start, else take the clip's."""
        span = self._span
        start_s = span.start_s if span is not None and span.start_s < position_s else 0.0
        self.choose(start_s, position_s)

    def clear(self) -> None:
        """Choose the whole clip."""
        self.choose(0.0, self._duration_s)

    def _show(self, span: TimeSpan | None) -> None:
        self._span = span
        self.item.blockSignals(True)
        if span is not None:
            self.item.setRegion((span.start_s, span.end_s))
        self.item.blockSignals(False)
        self.item.setVisible(span is not None)

    def _on_marked(self, start_s: float, end_s: float) -> None:
        if self._duration_s:
            self.item.blockSignals(True)
            self.item.setRegion(sorted((start_s, end_s)))
            self.item.blockSignals(False)
            self.item.setVisible(True)

    def _on_ended(self) -> None:
        if self._duration_s:
            self.choose(*self.item.getRegion())


def _ignore(event: MouseDragEvent) -> None:
    event.ignore()
