"""Labels for sentences."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QWidget


def text_label(parent: QWidget, name: str = "") -> QLabel:
    """Label that wraps its text and lets the user copy it.

    Args:
        parent: The view.
        name: Object name, for the style sheet.
    """
    label = QLabel(parent)
    label.setObjectName(name)
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    label.setTextFormat(Qt.TextFormat.PlainText)
    return label
