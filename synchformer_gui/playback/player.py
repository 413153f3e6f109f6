"""Player of the window, on Qt Multimedia."""

import logging
import math

from PySide6.QtCore import QObject, QUrl, Signal
from PySide6.QtMultimedia import (
    QAudioOutput,
    QMediaDevices,
    QMediaPlayer,
    QVideoFrame,
    QVideoSink,
)

from core.errors import MediaError
from core.media.info import MediaInfo

log = logging.getLogger(__name__)

_FALLBACK_FPS = 25.0
_INTO_FRAME = 0.25
"""Seeks aim at this share of a frame after its start, because the player counts milliseconds."""


class Player(QObject):
    """Plays one clip. Positions are seconds of clip time (`core.timing`).

    A player lives on the GUI thread and never blocks it: calls take effect soon after they return.
    Without an audio device it plays the video alone.
    """

    frame_shown = Signal(object)
    """Carries the QVideoFrame to paint."""
    position_changed = Signal(float)
    """Carries the position in seconds."""
    playing_changed = Signal(bool)
    """Carries True while the clip plays."""
    failed = Signal(object)
    """Carries a SyncError. Detection and export may still work."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._info: MediaInfo | None = None
        self._position_s = 0.0
        self._fps = _FALLBACK_FPS
        self._audio_track: int | None = None
        self._sink = QVideoSink(self)
        self._sink.videoFrameChanged.connect(self._on_frame)
        self._media = QMediaPlayer(self)
        self._media.setVideoSink(self._sink)
        if not QMediaDevices.defaultAudioOutput().isNull():
            self._media.setAudioOutput(QAudioOutput(self))
        self._media.mediaStatusChanged.connect(self._on_status)
        self._media.positionChanged.connect(self._on_position)
        self._media.playbackStateChanged.connect(self._on_state)
        self._media.errorOccurred.connect(self._on_error)

    @property
    def position_s(self) -> float:
        return self._position_s

    @property
    def duration_s(self) -> float:
        known_s = self._media.duration() / 1000
        return known_s if known_s > 0 or self._info is None else self._info.duration_s

    @property
    def is_playing(self) -> bool:
        return self._media.playbackState() == QMediaPlayer.PlaybackState.PlayingState

    def open(self, info: MediaInfo) -> None:
        """Show the first frame of a clip, paused."""
        self._info = info
        self._audio_track = None
        self._fps = float(info.frame_rate) if info.frame_rate else _FALLBACK_FPS
        self._set_position(0.0)
        self._media.setSource(QUrl.fromLocalFile(str(info.path.absolute())))
        # The first frame appears only after the player has left its stopped state.
        self._media.pause()

    def choose_audio(self, stream_index: int) -> None:
        """Play this audio stream of the container."""
        if self._info is not None:
            indices = [audio.index for audio in self._info.audios]
            self._audio_track = indices.index(stream_index)
            if self._media.audioTracks():
                self._media.setActiveAudioTrack(self._audio_track)

    def play(self) -> None:
        """Continue; from the start if the end was reached."""
        self._media.play()

    def pause(self) -> None:
        """Pause at the shown frame."""
        if self.is_playing:
            self._media.pause()
            start_us = self._sink.videoFrame().startTime()
            if start_us >= 0:
                self._set_position(start_us / 1e6)

    def seek(self, position_s: float) -> None:
        """Go to the visible frame at a position, limited to the clip."""
        if self._info is None:
            return
        last_s = max(0.0, self.duration_s - 1 / self._fps)
        position_s = min(max(0.0, position_s), last_s)
        if self._media.playbackState() == QMediaPlayer.PlaybackState.StoppedState:
            self._media.pause()
        self._media.setPosition(math.ceil((position_s + _INTO_FRAME / self._fps) * 1000))
        self._set_position(position_s)

    def step(self, n_frames: int) -> None:
        """Pause, then go forward or back by a number of frames."""
        self.pause()
        frame = math.floor(self._position_s * self._fps + _INTO_FRAME)
        self.seek(max(0, frame + n_frames) / self._fps)

    def close(self) -> None:
        """Release the file and the audio device."""
        self._info = None
        self._media.stop()
        self._media.setSource(QUrl())

    def _set_position(self, position_s: float) -> None:
        self._position_s = position_s
        self.position_changed.emit(position_s)

    def _on_frame(self, frame: QVideoFrame) -> None:
        # The player emits an empty frame when it stops; the last frame stays visible.
        if frame.isValid():
            self.frame_shown.emit(frame)

    def _on_status(self, status: QMediaPlayer.MediaStatus) -> None:
        # Tracks can be chosen only once the file has been read.
        if status == QMediaPlayer.MediaStatus.LoadedMedia and self._audio_track is not None:
            self._media.setActiveAudioTrack(self._audio_track)

    def _on_position(self, position_ms: int) -> None:
        # While paused, the exact requested position is kept.
        if self.is_playing:
            self._set_position(position_ms / 1000)

    def _on_state(self, state: QMediaPlayer.PlaybackState) -> None:
        at_end = self._media.mediaStatus() == QMediaPlayer.MediaStatus.EndOfMedia
        if at_end and state == QMediaPlayer.PlaybackState.StoppedState:
            self._set_position(self.duration_s)
        self.playing_changed.emit(state == QMediaPlayer.PlaybackState.PlayingState)

    def _on_error(self, _error: QMediaPlayer.Error, text: str) -> None:
        if self._info is None:
            return
        log.warning("The player refused %s: %s", self._info.path, text)
        self.failed.emit(
            MediaError(
                f"{self._info.path.name} cannot be played here; detection and export may still "
                "work.",
                path=self._info.path,
                details=text,
            )
        )
