"""What the window needs of a player, whatever plays."""

from typing import Protocol

from PySide6.QtCore import SignalInstance

from core.media.info import MediaInfo


class Player(Protocol):
    """Plays one clip. Positions are seconds of clip time (`core.timing`).

    It lives on the GUI thread and never blocks it: everything takes effect soon after the call.
    """

    @property
    def frame_shown(self) -> SignalInstance:
        """Carries the QVideoFrame to paint."""
        ...

    @property
    def position_changed(self) -> SignalInstance:
        """Carries the position in seconds."""
        ...

    @property
    def playing_changed(self) -> SignalInstance:
        """Carries whether the clip plays."""
        ...

    @property
    def failed(self) -> SignalInstance:
        """Carries a SyncError; the clip may still be judged and corrected."""
        ...

    @property
    def position_s(self) -> float: ...

    @property
    def duration_s(self) -> float: ...

    @property
    def is_playing(self) -> bool: ...

    def open(self, info: MediaInfo) -> None:
        """Show the first frame of a clip, paused."""
        ...

    def choose_audio(self, stream_index: int) -> None:
        """Play this audio stream of the container."""
        ...

    def play(self) -> None:
        """Go on; from the start if the end was reached."""
        ...

    def pause(self) -> None:
        """Hold the frame that is shown."""
        ...

    def seek(self, position_s: float) -> None:
        """Go to the frame that is visible at a position, within the clip."""
        ...

    def step(self, n_frames: int) -> None:
        """Hold, and go forward or back by frames."""
        ...

    def close(self) -> None:
        """Let go of the file and of the sound device."""
        ...
