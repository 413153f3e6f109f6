"""Running text in a view."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QWidget


def text_label(parent: QWidget, name: str = "") -> QLabel:
    """Return a label for sentences, which wraps them and lets them be copied.

    Args:
        parent: The view.
        name: Its look in the style sheet.
    """
    label = QLabel(parent)
    label.setObjectName(name)
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    label.setTextFormat(Qt.TextFormat.PlainText)
    return label
