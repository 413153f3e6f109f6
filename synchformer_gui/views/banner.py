"""A message across the top of the window; everything else stays usable."""

from pathlib import Path

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QGuiApplication, QIcon
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from core.errors import SyncError
from core.workflow.export import Exported
from synchformer_gui.assets import icon_path
from synchformer_gui.views import theme
from synchformer_gui.wording.export import abandoned_sentence, exported_lines
from synchformer_gui.wording.line_breaks import breakable

_ERROR_BACK, _NEWS_BACK = "#3a2426", "#332c1e"


class Banner(QFrame):
    """One error, or the report on an export of an earlier clip, until closed or replaced."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._error: SyncError | None = None
        self.message_label = QLabel(self)
        self.message_label.setWordWrap(True)
        self.message_label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.details_button = QPushButton("Details…", self)
        self.close_button = QToolButton(self)
        self.close_button.setIcon(QIcon(str(icon_path("close"))))
        self.close_button.setIconSize(QSize(14, 14))
        self.close_button.setToolTip("Close this message")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(14, 8, 8, 8)
        layout.addWidget(self.message_label, 1)
        layout.addWidget(self.details_button)
        layout.addWidget(self.close_button)
        self.details_button.clicked.connect(self._on_details)
        self.close_button.clicked.connect(self.hide)
        self.hide()

    def show_error(self, error: SyncError) -> None:
        """Show an error."""
        self._error = error
        self._show(error.message, _ERROR_BACK, theme.BAD)

    def show_exported(self, exported: Exported) -> None:
        """Show the report on an export of an earlier clip."""
        self._error = None
        lines = exported_lines(exported, exported.path.name)
        self._show(" ".join(lines), _NEWS_BACK, theme.UNSURE)

    def show_abandoned(self, target: Path) -> None:
        """Show that opening another clip cancelled an export."""
        self._error = None
        self._show(abandoned_sentence(target), _NEWS_BACK, theme.UNSURE)

    def _show(self, text: str, background: str, border: str) -> None:
        look = f"background: {background}; border: 1px solid {border}; border-radius: 8px;"
        self.setStyleSheet(f"Banner {{ {look} }}")
        self.message_label.setText(breakable(text))
        self.details_button.setVisible(self._error is not None)
        self.show()

    def _on_details(self) -> None:
        if self._error is not None:
            DetailsDialog(self._error, self.window()).show()


class DetailsDialog(QDialog):
    """Full text of an error, with a button to copy it."""

    def __init__(self, error: SyncError, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Details")
        self.resize(640, 320)
        self.text = QPlainTextEdit(_details_text(error), self)
        self.text.setReadOnly(True)
        copy_button = QPushButton("Copy", self)
        close_button = QPushButton("Close", self)
        copy_button.clicked.connect(self._on_copy)
        close_button.clicked.connect(self.close)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(copy_button)
        buttons.addWidget(close_button)
        layout = QVBoxLayout(self)
        layout.addWidget(self.text)
        layout.addLayout(buttons)

    def _on_copy(self) -> None:
        QGuiApplication.clipboard().setText(self.text.toPlainText())


def _details_text(error: SyncError) -> str:
    parts = [error.message]
    if error.path is not None:
        parts.append(f"File: {error.path}")
    if error.details:
        parts.append(error.details)
    if error.__cause__ is not None:
        parts.append(f"Cause: {type(error.__cause__).__name__}: {error.__cause__}")
    return "\n\n".join(parts)
