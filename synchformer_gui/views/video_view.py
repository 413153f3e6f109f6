"""The picture, letterboxed, and the friendly place where it will be."""

from PySide6.QtCore import QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QIcon, QImage, QPainter, QPaintEvent, QPen
from PySide6.QtMultimedia import QVideoFrame
from PySide6.QtWidgets import QLabel, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from synchformer_gui.assets import icon_path
from synchformer_gui.views import theme

_ICON_PX = 72


class VideoView(QStackedWidget):
    """Shows frames of the player, or an invitation while no clip is open."""

    open_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._picture = _Picture(self)
        self._invitation = _DropArea(self)
        self._invitation.open_button.clicked.connect(self.open_requested)
        self.addWidget(self._invitation)
        self.addWidget(self._picture)

    @property
    def image(self) -> QImage:
        """What is shown; null while there is nothing."""
        return self._picture.image

    @property
    def is_empty(self) -> bool:
        return self.currentWidget() is self._invitation

    def show_frame(self, frame: QVideoFrame) -> None:
        """Show a frame at the next repaint."""
        self._picture.show_frame(frame)

    def clear(self, *, note: str | None) -> None:
        """Forget the picture; show a note in its place, or the invitation if there is none."""
        self._picture.clear(note or "")
        self.setCurrentWidget(self._invitation if note is None else self._picture)


class _Picture(QWidget):
    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._frame: QVideoFrame | None = None
        self._image = QImage()
        self._note = ""

    @property
    def image(self) -> QImage:
        # Converting costs tens of milliseconds at 1080p, so only frames that are painted pay.
        if self._frame is not None:
            self._image = self._frame.toImage()
            self._frame = None
        return self._image

    def show_frame(self, frame: QVideoFrame) -> None:
        self._frame = frame
        self.update()

    def clear(self, note: str) -> None:
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


class _DropArea(QWidget):
    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        icon = QLabel(self)
        icon.setPixmap(QIcon(str(icon_path("app"))).pixmap(QSize(_ICON_PX, _ICON_PX)))
        title = QLabel("Drop a clip here", self)
        title.setFont(theme.scaled_font(self.font(), 1.7, bold=True))
        text = QLabel("and find out by how much its sound is early or late.", self)
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
