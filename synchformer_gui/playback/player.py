"""What the window needs of a player, whatever plays."""

from PySide6.QtCore import QObject, Signal

from core.media.info import MediaInfo


class Player(QObject):
    """Plays one clip. Positions are seconds of clip time (`core.timing`).

    It lives on the GUI thread and never blocks it: everything takes effect soon after the call.
    Signals make it a class to inherit from instead of a Protocol.
    """

    frame_shown = Signal(object)
    """Carries the QVideoFrame to paint."""
    position_changed = Signal(float)
    """Carries the position in seconds."""
    playing_changed = Signal(bool)
    """Carries whether the clip plays."""
    failed = Signal(object)
    """Carries a SyncError; the clip may still be judged and corrected."""

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
        """Go on; from the start if the end was reached."""
        raise NotImplementedError

    def pause(self) -> None:
        """Hold the frame that is shown."""
        raise NotImplementedError

    def seek(self, position_s: float) -> None:
        """Go to the frame that is visible at a position, within the clip."""
        raise NotImplementedError

    def step(self, n_frames: int) -> None:
        """Hold, and go forward or back by frames."""
        raise NotImplementedError

    def close(self) -> None:
        """Let go of the file and of the sound device."""
        raise NotImplementedError
