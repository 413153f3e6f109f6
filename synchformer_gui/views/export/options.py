"""The new file: its name, and rarer options that are folded away at first."""

from pathlib import Path

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QGridLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from core.correction.plan.way import can_patch
from core.media.formats.output_format import Layout, can_write
from core.media.info import MediaInfo
from synchformer_gui.settings import ExportPreferences
from synchformer_gui.views.text_label import text_label
from synchformer_gui.wording.line_breaks import breakable

_OFFERED = (".mkv", ".mov", ".mp4")
_WITH_LAYOUT = frozenset({".mp4", ".m4v", ".mov"})
_LAYOUTS = (
    (None, "As in the source"),
    (Layout.FASTSTART, "In front (faststart)"),
    (Layout.FRAGMENTED, "In pieces (fragmented)"),
)


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


class ExportOptions(QWidget):
    """Container, template of the name, layout, verification and the like.

    Args:
        info: The clip.
        preferences: Initial choices.
    """

    container_chosen = Signal(str)
    """Carries a suffix with its dot."""
    template_edited = Signal()
    edited = Signal()
    """Another option was changed."""
    folded = Signal()
    """The options were shown or hidden."""

    def __init__(
        self, info: MediaInfo, preferences: ExportPreferences, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.fold_button = QToolButton(self)
        self.fold_button.setObjectName("fold")
        self.fold_button.setText("More options")
        self.fold_button.setCheckable(True)
        self.fold_button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.fold_button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._body = QWidget(self)
        self.container_combo = QComboBox(self._body)
        self.container_combo.setPlaceholderText("As its name says")
        for suffix in container_suffixes(info):
            name = suffix.removeprefix(".").upper()
            as_source = ", as the original" if suffix == info.path.suffix else ""
            self.container_combo.addItem(f"{name}{as_source}", suffix)
        self.template_field = QLineEdit(preferences.template, self._body)
        self.template_field.setToolTip(
            "{name} and {ext} of the original, {delay_ms}, and {stream}, the audio streams moved"
        )
        self.layout_label = QLabel("Inde&x", self._body)
        self.layout_combo = QComboBox(self._body)
        self.layout_combo.setToolTip("Place of the index in the file")
        for layout, text in _LAYOUTS:
            self.layout_combo.addItem(text, layout)
        self.verify_box = QCheckBox("&Verify: read the new file and compare it", self._body)
        self.verify_box.setChecked(True)
        self.detect_box = QCheckBox("Mea&sure the offset of the new file again", self._body)
        self.detect_box.setToolTip("With the same model, tolerance and part of the clip")
        self.certificate_box = QCheckBox("Write a ce&rtificate beside it (JSON)", self._body)
        self.certificate_box.setChecked(preferences.certifies)
        self.times_box = QCheckBox("&Keep the times and permissions of the original", self._body)
        self.times_box.setChecked(preferences.keeps_times)
        self._arrange()
        self._on_fold(is_open=False)
        self.fold_button.toggled.connect(self._on_fold)
        self.container_combo.activated.connect(self._on_container)
        self.template_field.textChanged.connect(self.template_edited)
        self.layout_combo.activated.connect(self.edited)
        self.verify_box.toggled.connect(self.certificate_box.setEnabled)
        for box in (self.verify_box, self.certificate_box, self.times_box):
            box.toggled.connect(self.edited)

    @property
    def template(self) -> str:
        return self.template_field.text().strip()

    @property
    def media_layout(self) -> Layout | None:
        """Place of the index; None as in the source, or without a choice."""
        layout = self.layout_combo.currentData()
        return Layout(layout) if layout and not self.layout_combo.isHidden() else None

    @property
    def keeps_times(self) -> bool:
        return self.times_box.isChecked()

    @property
    def verifies(self) -> bool:
        return self.verify_box.isChecked()

    @property
    def detects_again(self) -> bool:
        """Whether the new file is detected in the same way as the clip."""
        return self.detect_box.isChecked()

    @property
    def certifies(self) -> bool:
        return self.verifies and self.certificate_box.isChecked()

    @property
    def preferences(self) -> ExportPreferences:
        """Options to begin with the next time."""
        return ExportPreferences(self.template, self.keeps_times, self.certificate_box.isChecked())

    def show_container(self, suffix: str) -> None:
        """Show the container of a file name, and its options."""
        with QSignalBlocker(self.container_combo):
            shown = [self.container_combo.itemData(i) for i in range(self.container_combo.count())]
            named = [i for i, one in enumerate(shown) if one.lower() == suffix.lower()]
            self.container_combo.setCurrentIndex(named[0] if named else -1)
        for widget in (self.layout_label, self.layout_combo):
            widget.setVisible(suffix.lower() in _WITH_LAYOUT)

    def _arrange(self) -> None:
        form = QGridLayout(self._body)
        form.setContentsMargins(0, 4, 0, 0)
        form.setVerticalSpacing(8)
        form.setHorizontalSpacing(14)
        form.setColumnStretch(1, 1)
        container_label = QLabel("Con&tainer", self._body)
        template_label = QLabel("Name te&mplate", self._body)
        rows = (
            (container_label, self.container_combo),
            (template_label, self.template_field),
            (self.layout_label, self.layout_combo),
        )
        for row, (label, widget) in enumerate(rows):
            label.setBuddy(widget)
            form.addWidget(label, row, 0)
            form.addWidget(widget, row, 1)
        boxes = (self.verify_box, self.detect_box, self.certificate_box, self.times_box)
        for row, box in enumerate(boxes):
            form.addWidget(box, len(rows) + row, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.fold_button)
        layout.addWidget(self._body)

    def _on_fold(self, is_open: bool) -> None:
        self.fold_button.setArrowType(
            Qt.ArrowType.DownArrow if is_open else Qt.ArrowType.RightArrow
        )
        self._body.setVisible(is_open)
        self.folded.emit()

    def _on_container(self) -> None:
        self.container_chosen.emit(self.container_combo.currentData())


def container_suffixes(info: MediaInfo) -> tuple[str, ...]:
    """Suffixes offered for a copy of a clip, its own first."""
    own = info.path.suffix
    others = tuple(suffix for suffix in _OFFERED if suffix != own.lower())
    stays = can_write(own, info.container) or (bool(own) and can_patch(info))
    return (own, *others) if stays else others
