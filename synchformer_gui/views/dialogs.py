"""Dialogs of the window: open a clip, export, models."""

from pathlib import Path

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QFileDialog, QWidget

from synchformer_gui.jobs.jobs import JobQueue
from synchformer_gui.settings import ExportPreferences
from synchformer_gui.views.export.export_dialog import ExportDialog
from synchformer_gui.views.export.initial_values import ExportProposal
from synchformer_gui.views.models_dialog import ModelsDialog


class Dialogs(QObject):
    """Opens dialogs over a window, and emits their results.

    Args:
        window: The window.
        probers: Runs the jobs of the dialogs: model downloads and previews of exports.
    """

    clip_chosen = Signal(object)
    """Carries a Path."""
    export_chosen = Signal(object, object, bool)
    """Carries an ExportPreview, its ExportPreferences, and True if the new file is to be analyzed
    again."""
    models_changed = Signal()

    def __init__(self, window: QWidget, probers: JobQueue) -> None:
        super().__init__(window)
        self._window, self._probers = window, probers

    def open_clip(self, folder: Path) -> None:
        """Ask for a file, starting in a folder."""
        name, _ = QFileDialog.getOpenFileName(self._window, "Open a clip", str(folder))
        if name:
            self.clip_chosen.emit(Path(name))

    def export(self, proposal: ExportProposal, preferences: ExportPreferences) -> None:
        """Ask for the destination and the correction of an export."""
        dialog = ExportDialog(proposal, preferences, self._probers, self._window)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.accepted.connect(self._on_export_accepted)
        dialog.open()

    def show_models(self) -> None:
        """Open the list of models, or bring it to the front."""
        dialog = self._window.findChild(ModelsDialog)
        if dialog is None:
            dialog = ModelsDialog(self._probers, self._window)
            dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            dialog.models_changed.connect(self.models_changed)
        dialog.show()
        dialog.raise_()
        dialog.activateWindow()

    def _on_export_accepted(self) -> None:
        dialog = self.sender()
        if isinstance(dialog, ExportDialog):
            options = dialog.options
            self.export_chosen.emit(dialog.preview, options.preferences, options.detects_again)
