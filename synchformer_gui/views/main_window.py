"""The main window: builds the views and connects them with session and player."""

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QMainWindow,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from core.detection.result import Detection
from core.errors import SyncError
from core.media.delay_hints import DelayHint, delay_hints
from core.media.info import MediaInfo
from core.model.checkpoints.kind import CheckpointKind
from core.model.store.catalog import AUTO, BUILTIN, CLASSICAL
from core.model.store.store import ModelStore
from core.paths import models_dir
from core.timing import TimeSpan
from synchformer_gui.playback.player import Player
from synchformer_gui.session import Activity, Session
from synchformer_gui.settings import Settings
from synchformer_gui.views.banner import Banner
from synchformer_gui.views.detection.clip_info import ClipInfoLabel, clip_info_text
from synchformer_gui.views.detection.side_panel import SidePanel
from synchformer_gui.views.export.export_dialog import ExportDialog
from synchformer_gui.views.export.initial_values import propose
from synchformer_gui.views.menus import Command, add_menu, add_preferences
from synchformer_gui.views.models_dialog import ModelsDialog
from synchformer_gui.views.player.pane import PlaybackPane
from synchformer_gui.views.timeline.timeline import Timeline
from synchformer_gui.wording.coverage import coverage_sentence

_TITLE = "Synchformer GUI"
_SIZE_PX = (1280, 800)
_TIMELINE_PX = 230
_MESSAGE_MS = 6000


class MainWindow(QMainWindow):
    """Shows one clip, its detection and its export.

    Args:
        session: Opens, analyzes and exports clips; the window closes it.
        player: Plays clips; the window closes it.
        settings: Preferences, last folder and geometry.
    """

    def __init__(self, session: Session, player: Player, settings: Settings) -> None:
        super().__init__()
        self.session = session
        self.player = player
        self._settings = settings
        self._preferences = settings.preferences
        self.setWindowTitle(_TITLE)
        self.setAcceptDrops(True)
        self.banner = Banner(self)
        self.playback = PlaybackPane(player, self)
        self.timeline = Timeline(self)
        self.side = SidePanel(self)
        self.detect_panel = self.side.detect_panel
        self.result_panel = self.side.result_panel
        self.clip_info_label = ClipInfoLabel(self)
        self.statusBar().addWidget(self.clip_info_label, 1)
        self.statusBar().setSizeGripEnabled(False)
        self._arrange()
        self._make_menus()
        self._connect_views()
        self._connect_session()
        self._show_preferences()
        self._on_activity(Activity.NONE)
        self.resize(*_SIZE_PX)
        self.restoreGeometry(settings.geometry)

    def open_clip(self, path: Path) -> None:
        """Open a file in place of the open clip."""
        self._settings.last_folder = path.absolute().parent
        self.session.open(path)

    def detect(self) -> None:
        """Find the offset of the open clip."""
        self.banner.hide()
        self.session.detect(self._preferences)

    def export(self, hint: DelayHint | None = None) -> None:
        """Open the export dialog; the accepted request is exported.

        Args:
            hint: Delay to propose in place of the answer.
        """
        info, index = self.session.info, self.session.audio_stream_index
        if self.session.can_export and info is not None and index is not None:
            proposal = propose(info, index, self.session.detection, hint)
            preferences = self._settings.export_preferences
            dialog = ExportDialog(proposal, preferences, self.session.probers, self)
            dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            dialog.accepted.connect(self._on_export_accepted)
            dialog.open()

    def show_models(self) -> None:
        """Open the list of models, or bring it to the front."""
        dialog = self.findChild(ModelsDialog)
        if dialog is None:
            dialog = ModelsDialog(self.session.probers, self)
            dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            dialog.models_changed.connect(self._show_preferences)
        dialog.show()
        dialog.raise_()
        dialog.activateWindow()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        urls = event.mimeData().urls()
        if urls and urls[0].isLocalFile():
            # After a move action, a file manager deletes the dropped file.
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()

    def dropEvent(self, event: QDropEvent) -> None:
        event.setDropAction(Qt.DropAction.CopyAction)
        event.accept()
        self.open_clip(Path(event.mimeData().urls()[0].toLocalFile()))

    def closeEvent(self, event: QCloseEvent) -> None:
        self._settings.geometry = self.saveGeometry()
        # A worker may take a moment to stop; a hidden window does not look frozen.
        self.hide()
        self.player.close()
        self.session.close()
        super().closeEvent(event)

    def _arrange(self) -> None:
        splitter = QSplitter(Qt.Orientation.Vertical, self)
        splitter.addWidget(self.playback)
        splitter.addWidget(self.timeline)
        splitter.setStretchFactor(0, 1)
        splitter.setSizes([_SIZE_PX[1], _TIMELINE_PX])
        splitter.setChildrenCollapsible(False)
        columns = QHBoxLayout()
        columns.setSpacing(12)
        columns.addWidget(splitter, 1)
        columns.addWidget(self.side)
        central = QWidget(self)
        layout = QVBoxLayout(central)
        layout.setContentsMargins(12, 8, 12, 10)
        layout.setSpacing(8)
        layout.addWidget(self.banner)
        layout.addLayout(columns, 1)
        self.setCentralWidget(central)

    def _make_menus(self) -> None:
        add_menu(
            self,
            "&File",
            (
                Command("&Open…", ("Ctrl+O",), self._on_open),
                Command("&Export corrected…", ("E",), self._on_export),
                Command("&Quit", ("Ctrl+Q",), self.close),
            ),
        )
        add_menu(self, "&Playback", self.playback.commands())
        region, player = self.timeline.region, self.player
        menu = add_menu(
            self,
            "&Detection",
            (
                Command("&Detect offset", ("D",), self.detect),
                Command("&Cancel, or close the message", ("Esc",), self._on_escape),
                Command(
                    "Analyze from &here on", ("I",), lambda: region.start_at(player.position_s)
                ),
                Command("Analyze up t&o here", ("O",), lambda: region.end_at(player.position_s)),
                Command("Analyze the &whole clip", ("X",), region.clear),
                Command(
                    "Close-&up of the answer, or all offsets",
                    ("Z",),
                    self.timeline.toggle_close_up,
                ),
                Command("&Models…", (), self.show_models),
            ),
        )
        add_preferences(self, menu, self._preferences, self._prefer)

    def _connect_views(self) -> None:
        self.side.open_button.clicked.connect(self._on_open)
        self.side.export_button.clicked.connect(self._on_export)
        self.playback.video.open_requested.connect(self._on_open)
        self.timeline.seek_requested.connect(self.playback.seek)
        self.timeline.region.chosen.connect(self._on_region)
        self.detect_panel.region_cleared.connect(self.timeline.region.clear)
        self.player.position_changed.connect(self.timeline.set_position)
        self.player.failed.connect(self.banner.show_error)
        self.detect_panel.detect_requested.connect(self.detect)
        self.detect_panel.cancel_requested.connect(self.session.cancel)
        self.detect_panel.audio_chosen.connect(self._on_audio)
        self.detect_panel.tolerance_chosen.connect(self._on_tolerance)
        self.detect_panel.model_chosen.connect(self._on_model)
        self.detect_panel.models_requested.connect(self.show_models)
        self.result_panel.delay_hints.chosen.connect(self.export)
        self.result_panel.models_requested.connect(self.show_models)

    def _connect_session(self) -> None:
        self.session.activity_changed.connect(self._on_activity)
        self.playback.follow(self.session)
        self.playback.message.connect(self._on_message)
        self.session.opening.connect(self._on_opening)
        self.session.opened.connect(self._on_opened)
        self.session.progressed.connect(self.detect_panel.progress.show_progress)
        self.session.detection_dropped.connect(self._on_detection_dropped)
        self.session.evidence_added.connect(self.timeline.add_evidence)
        self.session.detected.connect(self._on_detected)
        self.session.exported.connect(self.result_panel.show_exported)
        self.session.exported_before.connect(self.banner.show_exported)
        self.session.abandoned.connect(self.banner.show_abandoned)
        self.session.stopped.connect(self._on_stopped)
        self.session.failed.connect(self._on_failed)

    def _show_preferences(self) -> None:
        self.detect_panel.set_tolerance(self._preferences.tolerance)
        installed = ModelStore(models_dir()).installed()
        models = [one for one in installed if one.kind is CheckpointKind.SYNC]
        if self._preferences.model not in {AUTO, BUILTIN, CLASSICAL, *(one.id for one in models)}:
            self._prefer(model=AUTO)
        self.detect_panel.set_models(models, self._preferences.model)

    def _prefer(self, **changes: str) -> None:
        self._preferences = replace(self._preferences, **changes)
        self._settings.preferences = self._preferences

    def _on_activity(self, activity: Activity) -> None:
        self.side.show_activity(activity, self.session.info, self.session.detection)
        if activity is Activity.DETECTING:
            self.timeline.clear(is_detecting=True)

    def _on_opening(self, path: Path) -> None:
        self.banner.hide()
        if self.session.info is None:
            self.playback.show_opening(path)
            self.clip_info_label.show_clip(path, "opening…")

    def _on_opened(self, info: MediaInfo) -> None:
        self.setWindowTitle(f"{info.path.name} – {_TITLE}")
        self.clip_info_label.show_clip(info.path, clip_info_text(info))
        self.timeline.set_clip(info.duration_s)
        self.detect_panel.set_region(None)
        self.detect_panel.set_audios(info.audios)
        self.result_panel.show_clip(delay_hints(info))
        self._on_activity(self.session.activity)
        self.playback.open(info)
        self.session.recall(self._preferences)

    def _on_detection_dropped(self) -> None:
        self.detect_panel.set_note("")
        self.timeline.clear()
        self.side.show_no_answer()

    def _on_detected(self, detection: Detection) -> None:
        self.detect_panel.set_note(coverage_sentence(detection))
        self.side.show_detection(detection, is_earlier=self.session.is_earlier)
        self.timeline.show_answer(detection)

    def _on_failed(self, error: SyncError) -> None:
        self.banner.show_error(error)
        self._on_stopped()

    def _on_stopped(self) -> None:
        if self.session.info is None:
            self.playback.show_nothing()
            self.clip_info_label.show_nothing()
        elif self.session.detection is None and self.session.activity is Activity.NONE:
            self.timeline.clear()

    def _on_export(self) -> None:
        self.export()

    def _on_export_accepted(self) -> None:
        dialog = self.sender()
        if isinstance(dialog, ExportDialog):
            options = dialog.options
            self._settings.export_preferences = options.preferences
            self.banner.hide()
            self.result_panel.clear_exported()
            recheck_with = self._preferences if options.detects_again else None
            self.session.export(dialog.preview, recheck_with)

    def _on_escape(self) -> None:
        if self.session.activity is Activity.NONE:
            self.banner.hide()
        else:
            self.session.cancel()

    def _on_message(self, text: str) -> None:
        self.statusBar().showMessage(text, _MESSAGE_MS)

    def _on_open(self) -> None:
        folder = str(self._settings.last_folder)
        name, _ = QFileDialog.getOpenFileName(self, "Open a clip", folder)
        if name:
            self.open_clip(Path(name))

    def _on_audio(self, stream_index: int) -> None:
        self.player.choose_audio(stream_index)
        self.session.choose_audio(stream_index)
        self.session.recall(self._preferences)

    def _on_tolerance(self, name: str) -> None:
        self._prefer(tolerance=name)
        self.session.choose_tolerance(name)

    def _on_model(self, name: str) -> None:
        self._prefer(model=name)

    def _on_region(self, span: TimeSpan | None) -> None:
        self.detect_panel.set_region(span)
        self.session.choose_region(span)
        self.session.recall(self._preferences)
