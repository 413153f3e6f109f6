"""Segments and windows on the analysis clock.

Frames are counted at 25 fps from the start of clip time. Segments start every 8 frames from one
base, so neighbouring windows share 13 of their 14 segments.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.model.synchformer.dimensions import (
    CROP_FIRST_FRAME,
    CROP_FRAMES,
    SEGMENT_FRAMES,
    SEGMENT_HOP_FRAMES,
    WINDOW_FRAMES,
    WINDOW_SEGMENTS,
)
from core.timing import VIDEO_FPS, TimeSpan

Span = tuple[int, int]
"""First analysis frame, and the one after the last."""

MAX_UNUSABLE = 0.1
"""Largest share of a window without video or audio, as in dropouts."""


@dataclass(frozen=True, slots=True)
class Window:
    """Fourteen segments analyzed together.

    Attributes:
        index: Position among the windows of a detection.
        first_frame: First analysis frame of the first segment.
        n_segments: Segments with content; fewer than 14 if the clip is shorter than a window. The
            rest is padding, and the estimate is less certain.
    """

    index: int
    first_frame: int
    n_segments: int = WINDOW_SEGMENTS

    @property
    def is_padded(self) -> bool:
        return self.n_segments < WINDOW_SEGMENTS

    @property
    def end_frame(self) -> int:
        """First analysis frame after the last segment with content."""
        return self.first_frame + SEGMENT_FRAMES + (self.n_segments - 1) * SEGMENT_HOP_FRAMES

    @property
    def span(self) -> TimeSpan:
        """Clip time of the segments with content."""
        return TimeSpan(self.first_frame / VIDEO_FPS, self.end_frame / VIDEO_FPS)

    @property
    def segment_starts(self) -> tuple[int, ...]:
        """First analysis frame of each segment with content."""
        return tuple(self.first_frame + SEGMENT_HOP_FRAMES * i for i in range(self.n_segments))


def plan_windows(start_frame: int, n_frames: int, hop_segments: int = 1) -> tuple[Window, ...]:
    """Lay windows over a run of analysis frames.

    The first window starts two frames into the run, as in the 5 s crop of the published evaluation.
    Shorter runs are centred. The last window ends with the last whole segment.

    Args:
        start_frame: First usable analysis frame.
        n_frames: Number of usable frames.
        hop_segments: Distance of neighbouring windows in segments of 0.32 s, at least 1.

    Returns:
        At least one window; exactly one, padded, if the run is shorter than 4.8 s.

    Raises:
        ValueError: The run is shorter than one segment, or the hop is below 1.
    """
    if n_frames < SEGMENT_FRAMES:
        raise ValueError(f"a window needs at least {SEGMENT_FRAMES} frames, got {n_frames}")
    if hop_segments < 1:
        raise ValueError(f"the hop is at least 1 segment, got {hop_segments}")
    if n_frames < WINDOW_FRAMES:
        n_segments = 1 + (n_frames - SEGMENT_FRAMES) // SEGMENT_HOP_FRAMES
        return (Window(0, start_frame, n_segments),)
    spare = min(n_frames, CROP_FRAMES) - WINDOW_FRAMES
    margin = CROP_FIRST_FRAME * spare // (CROP_FRAMES - WINDOW_FRAMES)
    last = (n_frames - margin - WINDOW_FRAMES) // SEGMENT_HOP_FRAMES
    offsets = list(range(0, last + 1, hop_segments))
    if offsets[-1] != last:
        offsets.append(last)
    base = start_frame + margin
    return tuple(Window(i, base + SEGMENT_HOP_FRAMES * n) for i, n in enumerate(offsets))


class WindowSchedule:
    """Lays the windows of `plan_windows` over a clip decoded piece by piece.

    A frame is usable if the file has both video and audio there. Windows begin with the first
    usable frame. A window with more than a tenth of unusable frames, or ending in one, is left out.
    A run with less than 4.8 s usable at its start becomes a padded window of its own; a new run
    begins with the next usable frame.
    """

    def __init__(self, hop_segments: int) -> None:
        self._hop_segments = hop_segments
        self._run_start: int | None = None
        self._base: int | None = None
        self._n_windows = 0
        self._last_first = -1
        self._last_usable = -1
        self._unusable: deque[int] = deque()

    @property
    def last_usable(self) -> int:
        """Last usable frame so far, -1 if none."""
        return self._last_usable

    def still_needed(self, pending: Sequence[Window], end_frame: int) -> tuple[Span, Span]:
        """Two spans of frames; each window pending or yet to come lies within one of them.

        The spans are far apart after a long gap without video or audio, since the last window of a
        run ends with its last usable frame.

        Args:
            pending: Windows not analyzed yet.
            end_frame: First analysis frame not decoded yet.
        """
        end = self._last_usable + 1
        oldest = min([end - CROP_FRAMES - SEGMENT_HOP_FRAMES, *(w.first_frame for w in pending)])
        return (oldest, end), (end_frame - CROP_FRAMES, end_frame)

    def extend(self, first_frame: int, usable: NDArray[np.bool_]) -> tuple[Window, ...]:
        """Add the next frames; return the windows completed by them.

        Args:
            first_frame: Number of the first of the analysis frames.
            usable: (T,) bool.
        """
        windows: list[Window] = []
        for frame, is_usable in enumerate(usable.tolist(), first_frame):
            if is_usable:
                self._last_usable = frame
                if self._run_start is None:
                    self._run_start = frame
            elif self._run_start is not None:
                self._unusable.append(frame)
            n_seen = 0 if self._run_start is None else frame + 1 - self._run_start
            if self._base is None and n_seen == CROP_FRAMES:
                windows += self._settle()
            if self._base is not None and is_usable:
                windows += self._complete(frame)
        return tuple(windows)

    def finish(self) -> tuple[Window, ...]:
        """Complete the clip; the last window of a run ends with its last whole segment."""
        windows = self._settle() if self._run_start is not None and self._base is None else []
        if self._base is not None:
            spare = self._last_usable + 1 - WINDOW_FRAMES - self._base
            last = self._base + spare // SEGMENT_HOP_FRAMES * SEGMENT_HOP_FRAMES
            if last > self._last_first:
                windows += self._accept(last)
        return tuple(windows)

    def _settle(self) -> list[Window]:
        """Fix the first window of the run after 5 s or at the end of the clip."""
        start = self._run_start
        if start is None:
            return []
        n_frames = self._last_usable + 1 - start
        if n_frames >= WINDOW_FRAMES:
            self._base = plan_windows(start, n_frames)[0].first_frame
            windows: list[Window] = []
            for frame in range(start, self._last_usable + 1):
                windows += self._complete(frame)
            return windows
        self._run_start = None
        self._unusable.clear()
        if n_frames < SEGMENT_FRAMES:
            return []
        (padded,) = plan_windows(start, n_frames)
        return [self._numbered(padded)]

    def _complete(self, frame: int) -> list[Window]:
        """Window ending with this frame, if any."""
        if self._base is None:
            return []
        n_hops, rest = divmod(frame + 1 - WINDOW_FRAMES - self._base, SEGMENT_HOP_FRAMES)
        if n_hops < 0 or rest or n_hops % self._hop_segments:
            return []
        return self._accept(frame + 1 - WINDOW_FRAMES)

    def _accept(self, first_frame: int) -> list[Window]:
        while self._unusable and self._unusable[0] < first_frame:
            self._unusable.popleft()
        n_unusable = sum(frame < first_frame + WINDOW_FRAMES for frame in self._unusable)
        if n_unusable > MAX_UNUSABLE * WINDOW_FRAMES:
            return []
        self._last_first = first_frame
        return [self._numbered(Window(0, first_frame))]

    def _numbered(self, window: Window) -> Window:
        self._n_windows += 1
        return replace(window, index=self._n_windows - 1)
