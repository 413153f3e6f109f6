"""Frames of the player, letterboxed, or an invitation to open a clip."""

from collections.abc import Sequence

from PySide6.QtCore import QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QIcon, QImage, QPainter, QPaintEvent, QPen
from PySide6.QtMultimedia import QVideoFrame
from PySide6.QtWidgets import QLabel, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from core.detection.crop_plan import CropPlan, centre_square
from core.media.video_grid import LONG_SIDE_PX, SHORT_SIDE_PX
from core.timing import VIDEO_FPS
from synchformer_gui.assets import icon_path
from synchformer_gui.views import theme

_ICON_PX = 72


class VideoView(QStackedWidget):
    """Shows frames of the player; an invitation while no clip is open."""

    open_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.frames = FrameView(self)
        self._invitation = _DropArea(self)
        self._invitation.open_button.clicked.connect(self.open_requested)
        self.addWidget(self._invitation)
        self.addWidget(self.frames)

    @property
    def is_empty(self) -> bool:
        return self.currentWidget() is self._invitation

    def clear(self, *, note: str | None) -> None:
        """Remove the frame; show a note in its place, or without a note the invitation."""
        self.frames.clear(note or "")
        self.setCurrentWidget(self._invitation if note is None else self.frames)


class FrameView(QWidget):
    """Paints the present frame and the analyzed squares, or a note.

    Attributes:
        shows_squares: Whether squares are drawn, if there are any.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._frame: QVideoFrame | None = None
        self._image = QImage()
        self._note = ""
        self._position_s = 0.0
        self._crops: Sequence[CropPlan] = ()
        self.shows_squares = True

    @property
    def image(self) -> QImage:
        """Shown frame; null if there is none."""
        # A conversion takes tens of milliseconds at 1080p, so only painted frames are converted.
        if self._frame is not None:
            self._image = self._frame.toImage()
            self._frame = None
        return self._image

    def show_frame(self, frame: QVideoFrame) -> None:
        """Show a frame at the next repaint."""
        self._frame = frame
        self.update()

    def set_position(self, position_s: float) -> None:
        """Show the squares of the shot at this clip time."""
        self._position_s = position_s
        if self._crops:
            self.update()

    def show_squares(self, crops: Sequence[CropPlan]) -> None:
        """Draw the analyzed squares, shot by shot; none if whole frames were analyzed."""
        self._crops = crops
        self.update()

    def toggle_squares(self) -> None:
        """Hide the squares, or show them again."""
        self.shows_squares = not self.shows_squares
        self.update()

    def squares(self) -> list[QRectF]:
        """Squares drawn at present, in shares of the frame's width and height."""
        image = self.image
        if image.isNull() or not self.shows_squares:
            return []
        frame = int(self._position_s * VIDEO_FPS)
        found = [_shares(plan, frame, image.size()) for plan in self._crops]
        return [square for index, square in enumerate(found) if square not in found[:index]]

    def clear(self, note: str) -> None:
        """Show a note in place of the frame."""
        self._frame = None
        self._image = QImage()
        self._note = note
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        with QPainter(self) as painter:
            painter.fillRect(self.rect(), QColor("#000000"))
            image = self.image
            if image.isNull():
                painter.setPen(QColor(theme.MUTED))
                flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWrapAnywhere
                painter.drawText(self.rect().adjusted(24, 24, -24, -24), flags, self._note)
                return
            size = image.size().scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio)
            target = QRect(0, 0, size.width(), size.height())
            target.moveCenter(self.rect().center())
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(target, image)
            self._draw_squares(painter, target)

    def _draw_squares(self, painter: QPainter, target: QRect) -> None:
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for share in self.squares():
            square = QRectF(
                target.x() + share.x() * target.width(),
                target.y() + share.y() * target.height(),
                share.width() * target.width(),
                share.height() * target.height(),
            ).adjusted(1, 1, -1, -1)
            # A bright line with dark edges is visible on any frame.
            for colour, width_px in ((theme.BASE, 3), (theme.ACCENT, 1)):
                painter.setPen(QPen(QColor(colour), width_px))
                painter.drawRect(square)


def _shares(plan: CropPlan, frame: int, size: QSize) -> QRectF:
    """Square of an analysis frame, in shares of a frame of any size.

    Analysis frames have a short side of 256 px. A very long side is cut to its middle.
    """
    scale = min(size.width(), size.height()) / SHORT_SIDE_PX
    whole = size.width() / scale, size.height() / scale
    kept_width, kept_height = (min(side, LONG_SIDE_PX) for side in whole)
    square = plan.square_at(frame) or centre_square(round(kept_width), round(kept_height))
    left = (whole[0] - kept_width) / 2 + square.left_px
    top = (whole[1] - kept_height) / 2 + square.top_px
    side = square.side_px
    return QRectF(left / whole[0], top / whole[1], side / whole[0], side / whole[1])


class _DropArea(QWidget):
    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        icon = QLabel(self)
        icon.setPixmap(QIcon(str(icon_path("app"))).pixmap(QSize(_ICON_PX, _ICON_PX)))
        title = QLabel("Drop a clip here", self)
        title.setFont(theme.scaled_font(self.font(), 1.7, bold=True))
        text = QLabel("to measure how early or late its sound is.", self)
        text.setObjectName("muted")
        self.open_button = QPushButton("Open a clip…", self)
        self.open_button.setToolTip("Ctrl+O")
        layout = QVBoxLayout(self)
        layout.addStretch(1)
        for widget, space in ((icon, 12), (title, 4), (text, 20), (self.open_button, 0)):
            layout.addWidget(widget, alignment=Qt.AlignmentFlag.AlignHCenter)
            layout.addSpacing(space)
        layout.addStretch(1)

    def paintEvent(self, event: QPaintEvent) -> None:
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(QColor(theme.BORDER), 2, Qt.PenStyle.DashLine))
            painter.setBrush(QColor(theme.BASE))
            painter.drawRoundedRect(self.rect().adjusted(2, 2, -2, -2), 12, 12)
