"""Interface of a player for the window."""

from PySide6.QtCore import QObject, Signal

from core.media.info import MediaInfo


class Player(QObject):
    """Plays one clip. Positions are seconds of clip time (`core.timing`).

    A player lives on the GUI thread and never blocks it: calls take effect soon after they return.
    It is a base class instead of a Protocol because of its signals.
    """

    frame_shown = Signal(object)
    """Carries the QVideoFrame to paint."""
    position_changed = Signal(float)
    """Carries the position in seconds."""
    playing_changed = Signal(bool)
    """Carries True while the clip plays."""
    failed = Signal(object)
    """Carries a SyncError. Detection and export may still work."""

    @property
    def position_s(self) -> float:
        raise NotImplementedError

    @property
    def duration_s(self) -> float:
        raise NotImplementedError

    @property
    def is_playing(self) -> bool:
        raise NotImplementedError

    def open(self, info: MediaInfo) -> None:
        """Show the first frame of a clip, paused."""
        raise NotImplementedError

    def choose_audio(self, stream_index: int) -> None:
        """Play this audio stream of the container."""
        raise NotImplementedError

    def play(self) -> None:
        """Continue; from the start if the end was reached."""
        raise NotImplementedError

    def pause(self) -> None:
        """Pause at the shown frame."""
        raise NotImplementedError

    def seek(self, position_s: float) -> None:
        """Go to the visible frame at a position, limited to the clip."""
        raise NotImplementedError

    def step(self, n_frames: int) -> None:
        """Pause, then go forward or back by a number of frames."""
        raise NotImplementedError

    def close(self) -> None:
        """Release the file and the audio device."""
        raise NotImplementedError
