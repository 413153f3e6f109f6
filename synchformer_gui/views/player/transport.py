"""The bar below the video: play, step, seek, position."""

from fractions import Fraction
from functools import partial

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QFontDatabase, QIcon, QMouseEvent
from PySide6.QtWidgets import (
    QGraphicsOpacityEffect,
    QHBoxLayout,
    QLabel,
    QSlider,
    QStyle,
    QToolButton,
    QWidget,
)

from core.units import clock_text
from synchformer_gui.assets import icon_path

_ICON_PX = 20
_DISABLED_OPACITY = 0.3
_SLIDER_STEPS = 10_000


class TransportBar(QWidget):
    """Shows the position and emits the requests of the user."""

    play_toggled = Signal()
    step_requested = Signal(int)
    """Carries a number of frames, negative for back."""
    seek_requested = Signal(float)
    """Carries a position in seconds."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._duration_s = 0.0
        self._frame_rate: Fraction | None = None
        self._play_icon = QIcon(str(icon_path("play")))
        self._pause_icon = QIcon(str(icon_path("pause")))
        self.back_button = self._button("step-back", "One frame back ( , )")
        self.play_button = self._button("play", "Play or pause (Space)")
        self.forward_button = self._button("step-forward", "One frame forward ( . )")
        self.slider = _SeekSlider(Qt.Orientation.Horizontal, self)
        self.slider.setRange(0, _SLIDER_STEPS)
        self.slider.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.time_label = QLabel(self)
        self.frame_label = QLabel(self)
        self.frame_label.setObjectName("muted")
        mono = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
        mono.setPointSizeF(self.font().pointSizeF())
        for label in (self.time_label, self.frame_label):
            label.setFont(mono)
            label.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(4, 4, 8, 4)
        layout.setSpacing(4)
        for widget in (self.back_button, self.play_button, self.forward_button):
            layout.addWidget(widget)
        layout.addSpacing(8)
        layout.addWidget(self.slider, 1)
        layout.addSpacing(8)
        layout.addWidget(self.time_label)
        layout.addSpacing(8)
        layout.addWidget(self.frame_label)
        self.back_button.clicked.connect(partial(self.step_requested.emit, -1))
        self.forward_button.clicked.connect(partial(self.step_requested.emit, 1))
        self.play_button.clicked.connect(self.play_toggled)
        self.slider.valueChanged.connect(self._on_slider)
        # Qt does not fade SVG icons of disabled buttons.
        self._fading = QGraphicsOpacityEffect(self)
        self._fading.setOpacity(_DISABLED_OPACITY)
        self.setGraphicsEffect(self._fading)
        self.set_clip(0.0, None)

    def set_clip(self, duration_s: float, frame_rate: Fraction | None) -> None:
        """Show another clip from its start; 0 s means that no clip is open."""
        self._duration_s = duration_s
        self._frame_rate = frame_rate
        self.setEnabled(duration_s > 0)
        self._fading.setEnabled(duration_s <= 0)
        self.set_position(0.0)

    def set_position(self, position_s: float) -> None:
        """Show a position in seconds."""
        if not self.slider.isSliderDown():
            share = position_s / self._duration_s if self._duration_s else 0.0
            self.slider.blockSignals(True)
            self.slider.setValue(round(share * _SLIDER_STEPS))
            self.slider.blockSignals(False)
        self.time_label.setText(f"{clock_text(position_s)} / {clock_text(self._duration_s)}")
        self.frame_label.setVisible(self._frame_rate is not None)
        if self._frame_rate is not None:
            width = len(str(int(self._duration_s * self._frame_rate)))
            number = frame_number(position_s, self._frame_rate)
            self.frame_label.setText(f"frame {number:>{width}}")

    def set_playing(self, playing: bool) -> None:
        """Show the pause icon while the clip plays, else the play icon."""
        self.play_button.setIcon(self._pause_icon if playing else self._play_icon)

    def _button(self, icon: str, tip: str) -> QToolButton:
        button = QToolButton(self)
        button.setIcon(QIcon(str(icon_path(icon))))
        button.setIconSize(QSize(_ICON_PX, _ICON_PX))
        button.setToolTip(tip)
        button.setAccessibleName(tip)
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        return button

    def _on_slider(self, value: int) -> None:
        self.seek_requested.emit(value / _SLIDER_STEPS * self._duration_s)


class _SeekSlider(QSlider):
    """Slider with a handle jumping to clicks on the groove, as in every player."""

    def mousePressEvent(self, event: QMouseEvent) -> None:
        handle_px = self.style().pixelMetric(QStyle.PixelMetric.PM_SliderLength, None, self)
        self.setValue(
            QStyle.sliderValueFromPosition(
                self.minimum(),
                self.maximum(),
                round(event.position().x() - handle_px / 2),
                self.width() - handle_px,
            )
        )
        super().mousePressEvent(event)


def frame_number(position_s: float, frame_rate: Fraction) -> int:
    """Number, from 0, of the visible frame at a position."""
    # Positions come rounded to the millisecond, so a frame's start may lie just before it.
    return int((position_s + 0.001) * frame_rate)
