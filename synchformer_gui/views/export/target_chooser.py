"""Name of the new file: proposed by a template until the user types another one."""

from pathlib import Path

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QGridLayout,
    QLineEdit,
    QPushButton,
    QWidget,
)

from synchformer_gui.views.text_label import text_label
from synchformer_gui.wording.line_breaks import breakable


class TargetChooser(QWidget):
    """Input of a name, with its folder and the consent to replace a file."""

    edited = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._proposed = ""
        self.field = QLineEdit(self)
        self.browse_button = QPushButton("&Browse…", self)
        self.browse_button.setAutoDefault(False)
        self.folder_label = text_label(self, "muted")
        self.replace_box = QCheckBox("Re&place the file of that name", self)
        self.replace_box.hide()
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(8)
        grid.setColumnStretch(0, 1)
        grid.addWidget(self.field, 0, 0)
        grid.addWidget(self.browse_button, 0, 1)
        grid.addWidget(self.folder_label, 1, 0, 1, 2)
        grid.addWidget(self.replace_box, 2, 0, 1, 2)
        self.setFocusProxy(self.field)
        self.field.textChanged.connect(self._on_text)
        self.replace_box.toggled.connect(self.edited)
        self.browse_button.clicked.connect(self._on_browse)

    @property
    def target(self) -> Path | None:
        """The new file; None if it has no name."""
        text = self.field.text().strip()
        if not text:
            return None
        path = Path(text)
        try:
            return path.expanduser()
        except RuntimeError:
            # No such user: a name like any other.
            return path

    @property
    def overwrite(self) -> bool:
        """Whether the user agreed to replace an existing file."""
        return not self.replace_box.isHidden() and self.replace_box.isChecked()

    @property
    def is_proposed(self) -> bool:
        """Whether the proposed name is unchanged."""
        return self.field.text() == self._proposed

    def propose(self, target: Path) -> None:
        """Replace the name by a proposal."""
        self._proposed = str(target)
        self.field.setText(self._proposed)

    def change_suffix(self, suffix: str) -> None:
        """Give the name another suffix, or its first one."""
        target = self.target
        if target is not None and target.name:
            self.field.setText(str(target.with_suffix(suffix)))

    def offer_replacing(self, *, target_exists: bool) -> None:
        self.replace_box.setVisible(target_exists)

    def _on_text(self) -> None:
        # Consent is given for one file.
        with QSignalBlocker(self.replace_box):
            self.replace_box.setChecked(False)
        self.replace_box.hide()
        folder = (self.target or Path()).absolute().parent
        self.folder_label.setText(breakable(f"In the folder {folder}"))
        self.edited.emit()

    def _on_browse(self) -> None:
        name, _ = QFileDialog.getSaveFileName(
            self,
            "Export corrected",
            self.field.text(),
            options=QFileDialog.Option.DontConfirmOverwrite,
        )
        if name:
            self.field.setText(name)
