"""The sync map in the window: probability of each offset over time, with the playhead.

A click seeks. A drag with the shift key chooses the part to analyze. Once there is an answer, the
map zooms to the offsets around it; a button and `toggle_close_up` switch to all offsets and back.
"""

from collections.abc import Sequence

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from pyqtgraph.GraphicsScene.mouseEvents import MouseClickEvent
from PySide6.QtCore import QMargins, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QPushButton, QVBoxLayout, QWidget

from core.detection.evidence import OffsetEvidence
from core.detection.result import Detection
from core.units import clock_text
from synchformer_gui.views import theme
from synchformer_gui.views.timeline.heat_map import HeatMap
from synchformer_gui.views.timeline.region import RegionPicker, TimeBox
from synchformer_gui.wording.verdict import NO_EVIDENCE, NO_OFFSET, map_label
from synchformer_gui.zoom import close_up_s

_RANGE_S = 2.0
_MIN_VISIBLE_S = 0.5
_LEFT_AXIS_PX = 58
_BOTTOM_AXIS_PX = 22
_BAND_ALPHA = 40
_LABEL_GAP_PX = 3
_BUTTON_GAP_PX = 8
_TO_ALL, _TO_CLOSE_UP = "All offsets", "Close-up"
_COLOURS = (theme.BASE, "#16345c", "#2f7fe0", "#8fd0ff", "#fff6d8")
_IDLE = "The sync map appears here: the likely offsets at every moment of the clip."
_WAITING = "Waiting for the first window…"


class Timeline(QWidget):
    """Plot of the evidence, drawn as it arrives. Above the zero line the audio is early."""

    seek_requested = Signal(float)
    """Carries a position in seconds."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setMinimumHeight(150)
        self._map: HeatMap | None = None
        self._is_close = True
        self._close_up_s: tuple[float, float] | None = None
        self._box = TimeBox()
        self.plot = pg.PlotWidget(
            self,
            viewBox=self._box,
            axisItems={"bottom": _ClockAxis("bottom"), "left": _OffsetAxis("left")},
        )
        self._item = self.plot.getPlotItem()
        self.region = RegionPicker(self._box, self)
        self._image = pg.ImageItem()
        self._image.setLookupTable(
            pg.ColorMap(np.linspace(0, 1, len(_COLOURS)), list(_COLOURS)).getLookupTable()
        )
        self._zero = pg.InfiniteLine(0, angle=0, pen=pg.mkPen(theme.MUTED, width=1))
        self._zero.setOpacity(0.5)
        limit_pen = pg.mkPen(theme.GOOD, width=1, style=Qt.PenStyle.DashLine)
        self._limits = tuple(pg.InfiniteLine(0, angle=0, pen=limit_pen) for _ in range(2))
        self._band = pg.LinearRegionItem(orientation="horizontal", movable=False)
        self._estimate = pg.InfiniteLine(0, angle=0)
        self._line = pg.PlotDataItem()
        self._answer_label = pg.TextItem(fill="#101215d0")
        self._playhead = pg.InfiniteLine(
            0,
            angle=90,
            movable=True,
            pen=pg.mkPen(theme.TEXT, width=2),
            hoverPen=pg.mkPen(theme.ACCENT, width=3),
        )
        self._note = pg.TextItem(color=theme.MUTED, anchor=(0.5, 0.5))
        self._corner_labels = (
            pg.TextItem("▲ audio early", color=theme.TEXT, anchor=(0, 0), fill="#101215b0"),
            pg.TextItem("▼ audio late", color=theme.TEXT, anchor=(0, 1), fill="#101215b0"),
        )
        self.close_up_button = QPushButton(self.plot)
        self.close_up_button.setObjectName("corner")
        self.close_up_button.setToolTip("Show the offsets around the answer, or all of them (Z)")
        self.close_up_button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.close_up_button.clicked.connect(self.toggle_close_up)
        self._arrange_plot()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.plot)
        self._playhead.sigDragged.connect(self._on_dragged)
        self.plot.scene().sigMouseClicked.connect(self._on_clicked)
        self.set_clip(0.0)

    @property
    def brightness(self) -> NDArray[np.float32] | None:
        """Shown image (M, T) over offsets and time; None while there is none."""
        image: NDArray[np.float32] | None = self._image.image
        return image

    @property
    def playhead_s(self) -> float:
        return float(self._playhead.value())

    @property
    def note(self) -> str:
        """Text shown in place of a map; empty if there is none."""
        return str(self._note.toPlainText()) if self._note.isVisible() else ""

    def set_clip(self, duration_s: float) -> None:
        """Show the empty axes of another clip; 0 s means that no clip is open."""
        self._duration_s = duration_s
        length_s = duration_s or 10.0
        self._box.setLimits(
            xMin=0, xMax=length_s, minXRange=min(_MIN_VISIBLE_S, length_s), maxXRange=length_s
        )
        self._box.setRange(xRange=(0, length_s), padding=0)
        self._playhead.setBounds((0, length_s))
        self.region.set_clip(duration_s)
        self._playhead.setVisible(duration_s > 0)
        for side in ("bottom", "left"):
            self._item.getAxis(side).setTicks(None if duration_s > 0 else [])
        self.set_position(0.0)
        self.clear()

    def clear(self, *, is_detecting: bool = False) -> None:
        """Remove the evidence and the answer."""
        self._map = HeatMap(self._duration_s) if self._duration_s else None
        self._image.clear()
        for item in (
            *self._limits,
            self._band,
            self._estimate,
            self._line,
            self._answer_label,
        ):
            item.setVisible(False)
        self._close_up_s = None
        self._show_offsets()
        self._show_note(_WAITING if is_detecting else _IDLE if self._duration_s else "")

    def add_evidence(self, evidence: Sequence[OffsetEvidence]) -> None:
        """Draw more windows."""
        if self._map is not None:
            self._map.add(evidence)
            self._draw(is_complete=False)

    def show_answer(self, detection: Detection) -> None:
        """Draw answer and tolerance over the evidence, now complete."""
        estimate, tolerance = detection.estimate, detection.config.tolerance
        self._draw(is_complete=True)
        for limit, border_s in zip(
            self._limits, (tolerance.early_s, -tolerance.late_s), strict=True
        ):
            limit.setValue(border_s)
            limit.setVisible(True)
        self._close_up_s = close_up_s(detection)
        self._show_offsets()
        if estimate.reason in NO_EVIDENCE:
            return
        colour = QColor(theme.VERDICT_COLOURS[estimate.verdict])
        self._estimate.setPen(pg.mkPen(colour, width=1, style=Qt.PenStyle.DashLine))
        self._estimate.setValue(estimate.offset_s)
        found = detection.changing_map
        colour.setAlpha(_BAND_ALPHA)
        self._band.setBrush(colour)
        self._band.setRegion(estimate.interval_s)
        self._answer_label.setColor(theme.VERDICT_COLOURS[estimate.verdict])
        self._answer_label.setText(map_label(detection))
        # A band over nearly all offsets would only hide the map.
        self._band.setVisible(estimate.reason not in NO_OFFSET and found is None)
        if found is not None:
            self._line.setPen(pg.mkPen(theme.VERDICT_COLOURS[estimate.verdict], width=2))
            self._line.setData(*zip(*found.corners, strict=True))
        self._estimate.setVisible(found is None)
        self._line.setVisible(found is not None)
        self._place_labels()
        self._answer_label.setVisible(True)

    def toggle_close_up(self) -> None:
        """Switch between the offsets around the answer and all offsets, also for later answers."""
        if self._close_up_s is not None:
            self._is_close = not self._is_close
            self._show_offsets()
            self._place_labels()

    def set_position(self, position_s: float) -> None:
        """Move the playhead."""
        self._playhead.setValue(position_s)

    def _arrange_plot(self) -> None:
        self._item.hideButtons()
        # Room for half a line of text, so that the outermost numbers of the axes fit.
        self._item.layout.setContentsMargins(4, 10, 14, 2)
        self._item.setMenuEnabled(False)
        self._box.setMouseEnabled(x=True, y=False)
        left = self._item.getAxis("left")
        left.setWidth(_LEFT_AXIS_PX)
        left.setLabel("offset, ms")
        # An SI prefix would change the label of a narrow range, although the numbers are in ms.
        left.enableAutoSIPrefix(False)
        self._item.getAxis("bottom").setHeight(_BOTTOM_AXIS_PX)
        for line in self._band.lines:
            line.setPen(pg.mkPen(None))
        for z, item in enumerate(
            (
                self._image,
                self.region.item,
                self._zero,
                *self._limits,
                self._band,
                self._estimate,
                self._line,
                self._playhead,
            )
        ):
            item.setZValue(z)
            self._item.addItem(item, ignoreBounds=True)
        for label in (*self._corner_labels, self._answer_label):
            label.setZValue(10)
            label.setParentItem(self._box)
        self._note.setParentItem(self._box)
        self._box.sigResized.connect(self._place_labels)
        self._box.sigResized.connect(self._place_button)

    def _draw(self, *, is_complete: bool) -> None:
        if self._map is None or len(self._map.axis_s) == 0:
            return
        axis = self._map.axis_s
        step_s = axis[1] - axis[0]
        self._image.setImage(
            self._map.image(is_complete=is_complete), autoLevels=False, levels=(0, 1)
        )
        self._image.setRect(QRectF(0, axis[0] - step_s / 2, self._duration_s, len(axis) * step_s))
        self._show_offsets()
        self._show_note("")

    def _show_offsets(self) -> None:
        """Show the close-up or all offsets; offer the other on the button."""
        axis_s = self._map.axis_s if self._map is not None else np.zeros(0)
        shown_s = (float(axis_s[0]), float(axis_s[-1])) if len(axis_s) else (-_RANGE_S, _RANGE_S)
        if self._close_up_s is not None and self._is_close:
            shown_s = self._close_up_s
        self._box.setRange(yRange=shown_s, padding=0)
        for label, is_shown in zip(
            self._corner_labels, (shown_s[1] > 0, shown_s[0] < 0), strict=True
        ):
            label.setVisible(is_shown)
        self.close_up_button.setText(_TO_ALL if self._is_close else _TO_CLOSE_UP)
        self.close_up_button.setVisible(self._close_up_s is not None)
        self._place_button()

    def _place_button(self) -> None:
        """Put the button into the lower right corner of the map, below the label of the answer."""
        button = self.close_up_button
        button.adjustSize()
        corner = self.plot.mapFromScene(self._box.sceneBoundingRect().bottomRight())
        size = button.size().grownBy(QMargins(0, 0, _BUTTON_GAP_PX, _BUTTON_GAP_PX))
        button.move(corner.x() - size.width(), corner.y() - size.height())

    def _show_note(self, text: str) -> None:
        self._note.setText(text)
        self._note.setVisible(bool(text))

    def _place_labels(self) -> None:
        size = self._box.size()
        for label, y in zip(self._corner_labels, (6.0, size.height() - 6.0), strict=True):
            label.setPos(QPointF(8.0, y))
        borders_s = (self._estimate.value(), self._estimate.value())
        if self._band.isVisible():
            borders_s = self._band.getRegion()
        elif self._line.isVisible():
            _, offsets_s = self._line.getData()
            borders_s = (offsets_s.min(), offsets_s.max())
        low_y, high_y = (self._box.mapFromView(QPointF(0, one)).y() for one in borders_s)
        # Above or below the band, where the map shows least; within a band that fills the map.
        height = self._answer_label.boundingRect().height()
        above_y, below_y = high_y - _LABEL_GAP_PX - height, low_y + _LABEL_GAP_PX
        fits_below = below_y + height <= size.height()
        top_y = above_y if above_y >= 0 or not fits_below else below_y
        self._answer_label.setAnchor((1, 0))
        self._answer_label.setPos(QPointF(size.width() - 8, max(top_y, _LABEL_GAP_PX)))
        self._note.setPos(QPointF(size.width() / 2, size.height() / 4))

    def _on_clicked(self, event: MouseClickEvent) -> None:
        inside = self._box.sceneBoundingRect().contains(event.scenePos())
        if event.button() == Qt.MouseButton.LeftButton and inside and self._duration_s:
            position_s = self._box.mapSceneToView(event.scenePos()).x()
            self.seek_requested.emit(min(max(0.0, position_s), self._duration_s))

    def _on_dragged(self) -> None:
        self.seek_requested.emit(self.playhead_s)


class _ClockAxis(pg.AxisItem):  # type: ignore[misc]
    """Clip times."""

    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:
        texts = [clock_text(max(0.0, value)) for value in values]
        return texts if spacing < 1 else [text.split(".")[0] for text in texts]


class _OffsetAxis(pg.AxisItem):  # type: ignore[misc]
    """Offsets in ms. Above the zero line the audio is early, below it is late."""

    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:
        return [f"{abs(value) * 1000:.0f}" for value in values]
