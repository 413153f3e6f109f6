"""A part of a dialog that shows all that it holds, as long as the screen is high enough."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QLayout, QScrollArea, QWidget


class FittingArea(QScrollArea):
    """Scrolls only what would not fit.

    Args:
        content: The layout of what it shows.
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
        """What is needed to show nothing cut off at the side, with the bar that scrolls."""
        self._content.activate()
        bar_px = self.verticalScrollBar().sizeHint().width()
        return self._content.totalMinimumSize().width() + bar_px

    def fit(self, width_px: int, most_px: int) -> None:
        """Be as high as what is shown, at a width, but no higher than that."""
        # Else the least height is still that of what was shown before.
        self._content.activate()
        height_px = self._content.totalHeightForWidth(width_px)
        self.setFixedHeight(min(height_px, max(most_px, 1)))
