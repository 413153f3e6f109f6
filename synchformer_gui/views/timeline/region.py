"""The part of the clip that is judged: chosen in the timeline, shown shaded, cleared again."""

import pyqtgraph as pg
from pyqtgraph.GraphicsScene.mouseEvents import MouseDragEvent
from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor

from core.timing import TimeSpan
from synchformer_gui.playback.player import Player
from synchformer_gui.views import theme
from synchformer_gui.views.menus import Command

LEAST_S = 0.64
"""A shorter part cannot be judged: a segment."""

_ALPHA = 50
_EDGE_PX = 2


class TimeBox(pg.ViewBox):  # type: ignore[misc]
    """The inside of a plot over time, in which dragging with the shift key marks a part."""

    marked = Signal(float, float)
    """Carries where the drag began and where it is, in plot units."""
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
    """Shows the part as a shaded band whose edges can be dragged.

    Args:
        box: The inside of the plot.
        parent: Owner.
    """

    chosen = Signal(object)
    """Carries a TimeSpan, or None for the whole clip."""

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
        # Clicks and drags inside the band belong to the plot below; only its edges move.
        self.item.setAcceptedMouseButtons(Qt.MouseButton.NoButton)
        self.item.mouseDragEvent = _leave
        box.marked.connect(self._on_marked)
        box.mark_ended.connect(self._on_ended)
        self.item.sigRegionChangeFinished.connect(self._on_ended)

    @property
    def span(self) -> TimeSpan | None:
        """The chosen part, None for the whole clip."""
        return self._span

    def set_clip(self, duration_s: float) -> None:
        """Begin with the whole of another clip."""
        self._duration_s = duration_s
        self.item.setBounds((0, duration_s))
        self._show(None)

    def choose(self, start_s: float, end_s: float) -> None:
        """Choose the part between two moments, in either order, as far as the clip goes.

        What is shorter than a segment is the whole clip.
        """
        low, high = sorted((start_s, end_s))
        low, high = max(0.0, low), min(self._duration_s, high)
        is_whole = low <= 0 and high >= self._duration_s
        span = None if high - low < LEAST_S or is_whole else TimeSpan(low, high)
        has_changed = span != self._span
        self._show(span)
        if has_changed:
            self.chosen.emit(span)

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


class RegionKeys(QObject):
    """Chooses the part by where the clip stands.

    Args:
        picker: Shows it.
        player: Tells where the clip stands.
        parent: Owner.
    """

    def __init__(self, picker: RegionPicker, player: Player, parent: QObject) -> None:
        super().__init__(parent)
        self._picker, self._player = picker, player

    def commands(self) -> tuple[Command, ...]:
        """Return what the menu offers."""
        return (
            Command("Judge from &here on", ("I",), self.start_here),
            Command("Judge up t&o here", ("O",), self.end_here),
            Command("Judge the &whole clip", ("X",), self._picker.clear),
        )

    def start_here(self) -> None:
        """Let the part begin at the playhead; it ends where it did if that is later."""
        span, here_s = self._picker.span, self._player.position_s
        end_s = span.end_s if span is not None and span.end_s > here_s else float("inf")
        self._picker.choose(here_s, end_s)

    def end_here(self) -> None:
        """Let the part end at the playhead; it begins where it did if that is earlier."""
        span, here_s = self._picker.span, self._player.position_s
        start_s = span.start_s if span is not None and span.start_s < here_s else 0.0
        self._picker.choose(start_s, here_s)


def _leave(event: MouseDragEvent) -> None:
    event.ignore()
