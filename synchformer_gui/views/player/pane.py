"""Video view and transport bar around a player."""

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from core.detection.result import Detection
from core.media.info import MediaInfo
from synchformer_gui.playback.player import Player
from synchformer_gui.session import Session
from synchformer_gui.views.menus import Command
from synchformer_gui.views.player.transport import TransportBar
from synchformer_gui.views.player.video_view import VideoView

_SEEK_S = 1.0


class PlaybackPane(QWidget):
    """Plays the open clip: play, pause, step and seek, by buttons and by commands."""

    message = Signal(str)
    """Carries a sentence for the status bar."""

    def __init__(self, player: Player, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._player = player
        self._is_open = False
        self._detection: Detection | None = None
        self.video = VideoView(self)
        self.transport = TransportBar(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.video, 1)
        layout.addWidget(self.transport)
        self.transport.play_toggled.connect(self.toggle)
        self.transport.step_requested.connect(self._on_step)
        self.transport.seek_requested.connect(self.seek)
        player.frame_shown.connect(self.video.frames.show_frame)
        player.position_changed.connect(self.transport.set_position)
        player.position_changed.connect(self.video.frames.set_position)
        player.playing_changed.connect(self.transport.set_playing)

    def follow(self, session: Session) -> None:
        """Show the squares that the engine analyzed, as long as its answer stands."""
        session.detected.connect(self._on_detected)
        session.detection_dropped.connect(self._on_detection_dropped)

    def show_opening(self, path: Path) -> None:
        """Show that the first clip is being read."""
        self.video.clear(note=f"Opening {path.name}…")

    def show_nothing(self) -> None:
        """Invite the user to open a clip."""
        self.video.clear(note=None)

    def open(self, info: MediaInfo) -> None:
        """Show the first frame of a clip in place of the previous clip."""
        self._player.close()
        self.video.clear(note="" if info.video else "This file has no picture.")
        self.transport.set_clip(info.duration_s, info.frame_rate)
        self._is_open = True
        self._player.open(info)

    def commands(self) -> tuple[Command, ...]:
        """Commands for the menu."""
        return (
            Command("&Play or pause", ("Space", "K"), self.toggle),
            Command("One frame &back", (",",), lambda: self._on_step(-1)),
            Command("One frame &forward", (".",), lambda: self._on_step(1)),
            Command("One second back", ("Left",), lambda: self._on_second(-1)),
            Command("One second forward", ("Right",), lambda: self._on_second(1)),
            Command("To the &start", ("Home",), lambda: self.seek(0.0)),
            Command("Show or hide the analyzed s&quare", ("Q",), self.toggle_squares),
        )

    def toggle(self) -> None:
        """Play or pause."""
        if not self._is_open:
            return
        if self._player.is_playing:
            self._player.pause()
        else:
            self._player.play()

    def seek(self, position_s: float) -> None:
        """Go to a position in seconds."""
        if self._is_open:
            self._player.seek(position_s)

    def toggle_squares(self) -> None:
        """Show or hide the analyzed squares, with a message."""
        if self._detection is None:
            self.message.emit("There is no answer yet, so there is no square to show.")
        elif not self._detection.crops:
            engine = self._detection.opinion.engine_name
            self.message.emit(
                f"The {engine} used the whole picture, so there is no square to show."
            )
        else:
            self.video.frames.toggle_squares()
            shown = "shown" if self.video.frames.shows_squares else "hidden"
            self.message.emit(f"The analyzed square is {shown}.")

    def _on_detected(self, detection: Detection) -> None:
        self._detection = detection
        self.video.frames.show_squares(detection.crops)

    def _on_detection_dropped(self) -> None:
        self._detection = None
        self.video.frames.show_squares(())

    def _on_step(self, n_frames: int) -> None:
        if self._is_open:
            self._player.step(n_frames)

    def _on_second(self, direction: int) -> None:
        self.seek(self._player.position_s + direction * _SEEK_S)
