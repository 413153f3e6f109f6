"""Published and installed models: download, import, verify, remove."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QMessageBox,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from core.errors import SyncError
from core.model.store.catalog import CATALOG, CatalogEntry
from core.model.store.store import InstalledModel, ModelStore
from core.paths import models_dir
from core.units import size_text
from synchformer_gui.jobs.jobs import Job, JobQueue
from synchformer_gui.views.banner import Banner
from synchformer_gui.views.progress_bar import ProgressBar
from synchformer_gui.wording.engines import ABOUT_BUILTIN, BEST_FOR, published_result

_SIZE_PX = (920, 420)


class ModelsDialog(QDialog):
    """Manages models; the window behind it stays usable.

    Args:
        queue: Runs downloads and checks.
    """

    models_changed = Signal()

    def __init__(self, queue: JobQueue, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._queue = queue
        self._job: Job | None = None
        self._installed: dict[str, InstalledModel] = {}
        self.setWindowTitle("Models")
        self.resize(*_SIZE_PX)
        self.banner = Banner(self)
        self.tree = QTreeWidget(self)
        self.tree.setHeaderLabels(["Model", "Published result", "Size", "Installed"])
        self.tree.setRootIsDecorated(False)
        self.tree.setTextElideMode(Qt.TextElideMode.ElideRight)
        for column, width in enumerate((285, 415, 80)):
            self.tree.setColumnWidth(column, width)
        self.builtin_label = QLabel(ABOUT_BUILTIN, self)
        self.builtin_label.setWordWrap(True)
        self.terms_label = QLabel(self)
        self.terms_label.setObjectName("muted")
        self.terms_label.setWordWrap(True)
        self.download_button = QPushButton("Download", self)
        self.import_button = QPushButton("Import a file…", self)
        self.verify_button = QPushButton("Verify", self)
        self.remove_button = QPushButton("Remove…", self)
        self.cancel_button = QPushButton("Cancel", self)
        self.progress = ProgressBar(self)
        self._arrange()
        self.tree.itemSelectionChanged.connect(self._on_selected)
        self.download_button.clicked.connect(self._on_download)
        self.import_button.clicked.connect(self._on_import)
        self.verify_button.clicked.connect(self._on_verify)
        self.remove_button.clicked.connect(self._on_remove)
        self.cancel_button.clicked.connect(self._on_cancel)
        self._refresh()
        self._set_busy(busy=False)

    def done(self, result: int) -> None:
        # Escape and the close button of the title bar both end here.
        self._on_cancel()
        super().done(result)

    def import_file(self, path: Path) -> None:
        """Install a model from a file."""
        self._start(lambda job: _store().import_file(path, monitor=job), f"Importing {path.name}")

    def _arrange(self) -> None:
        buttons = QHBoxLayout()
        for button in (self.download_button, self.verify_button, self.remove_button):
            buttons.addWidget(button)
        buttons.addStretch(1)
        buttons.addWidget(self.import_button)
        progress = QHBoxLayout()
        progress.addWidget(self.progress, 1)
        progress.addWidget(self.cancel_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(10)
        layout.addWidget(self.banner)
        layout.addWidget(self.builtin_label)
        layout.addWidget(self.tree, 1)
        layout.addWidget(self.terms_label)
        layout.addLayout(buttons)
        layout.addLayout(progress)

    def _refresh(self) -> None:
        chosen = self._chosen_id()
        self._installed = {model.id: model for model in _store().installed()}
        self.tree.clear()
        for published in CATALOG:
            self._add_row(published.id, published.title, published)
        known = {published.id for published in CATALOG}
        for model in self._installed.values():
            if model.id not in known:
                self._add_row(model.id, model.title, None)
        for row in range(self.tree.topLevelItemCount()):
            item = self.tree.topLevelItem(row)
            if item is not None and (chosen is None or _id_of(item) == chosen):
                self.tree.setCurrentItem(item)
                break

    def _add_row(self, model_id: str, title: str, published: CatalogEntry | None) -> None:
        installed = self._installed.get(model_id)
        n_bytes = published.sources[0].size_hint if published else 0
        result = published_result(published) if published else "imported"
        item = QTreeWidgetItem(
            [
                title,
                result,
                size_text(installed.n_bytes if installed else n_bytes),
                "yes" if installed else "",
            ]
        )
        item.setData(0, Qt.ItemDataRole.UserRole, model_id)
        for column in range(3):
            item.setToolTip(column, item.text(column))
        self.tree.addTopLevelItem(item)

    def _chosen_id(self) -> str | None:
        item = self.tree.currentItem()
        return _id_of(item) if item is not None else None

    def _chosen_entry(self) -> CatalogEntry | None:
        return next((one for one in CATALOG if one.id == self._chosen_id()), None)

    def _start(self, work: Callable[[Job], object], stage: str) -> None:
        self.banner.hide()
        job = Job(work)
        job.progressed.connect(self.progress.show_progress)
        job.failed.connect(self._on_failed)
        job.finished.connect(self._on_finished)
        self._job = job
        self.progress.begin(f"{stage}…")
        self._set_busy(busy=True)
        self._queue.submit(job)

    def _set_busy(self, *, busy: bool) -> None:
        self.progress.setVisible(busy)
        self.cancel_button.setVisible(busy)
        self.import_button.setEnabled(not busy)
        self._on_selected()

    def _on_selected(self) -> None:
        is_free = self._job is None
        published = self._chosen_entry()
        is_installed = self._chosen_id() in self._installed
        self.download_button.setEnabled(is_free and published is not None and not is_installed)
        self.verify_button.setEnabled(is_free and is_installed)
        self.remove_button.setEnabled(is_free and is_installed)
        best_for = BEST_FOR.get(published.alias) if published else None
        hint = f"Best for {best_for}. " if best_for else ""
        self.terms_label.setText(f"{hint}{published.licence}" if published else "")

    def _on_download(self) -> None:
        published = self._chosen_entry()
        if published is not None:
            self._start(
                lambda job: _store().download(published, job), f"Downloading {published.title}"
            )

    def _on_import(self) -> None:
        name, _ = QFileDialog.getOpenFileName(
            self, "Import a model", str(Path.home()), "Models (*.pt *.pth *.safetensors);;All (*)"
        )
        if name:
            self.import_file(Path(name))

    def _on_verify(self) -> None:
        model_id = self._chosen_id()
        if model_id is not None:
            title = self._installed[model_id].title
            self._start(lambda job: _store().verify(model_id, job), f"Verifying {title}")

    def _on_remove(self) -> None:
        model_id = self._chosen_id()
        if model_id is None:
            return
        title = self._installed[model_id].title
        question = f"Delete {title} from this computer?"
        if QMessageBox.question(self, "Remove model", question) == QMessageBox.StandardButton.Yes:
            self._start(lambda _: _store().remove(model_id), f"Removing {title}")

    def _on_cancel(self) -> None:
        if self._job is not None:
            self._job.cancel()
            self.progress.begin("Stopping…")

    def _on_failed(self, error: SyncError) -> None:
        self.banner.show_error(error)

    def _on_finished(self) -> None:
        self._job = None
        self._set_busy(busy=False)
        self._refresh()
        self.models_changed.emit()


def _store() -> ModelStore:
    return ModelStore(models_dir())


def _id_of(item: QTreeWidgetItem) -> str:
    return str(item.data(0, Qt.ItemDataRole.UserRole))
