"""Where segments and windows lie on the analysis clock.

Frames are counted at 25 fps from the start of clip time. Segments start every 8 frames from one
base, so that neighbouring windows share 13 of their 14 segments.
"""

from dataclasses import dataclass

from core.model.config import (
    CROP_FIRST_FRAME,
    CROP_FRAMES,
    SEGMENT_FRAMES,
    SEGMENT_HOP_FRAMES,
    WINDOW_FRAMES,
    WINDOW_SEGMENTS,
)
from core.timing import VIDEO_FPS, TimeSpan


@dataclass(frozen=True, slots=True)
class Window:
    """Fourteen segments that are judged together.

    Attributes:
        index: Position among the windows of a detection.
        first_frame: Analysis frame at which the first segment starts.
        n_segments: Segments with real content; fewer than 14 if the clip is shorter than a window,
            in which case the rest is padding and the answer is less certain.
    """

    index: int
    first_frame: int
    n_segments: int = WINDOW_SEGMENTS

    @property
    def is_padded(self) -> bool:
        return self.n_segments < WINDOW_SEGMENTS

    @property
    def end_frame(self) -> int:
        """First analysis frame behind the last real segment."""
        return self.first_frame + SEGMENT_FRAMES + (self.n_segments - 1) * SEGMENT_HOP_FRAMES

    @property
    def span(self) -> TimeSpan:
        """The clip time that the real segments cover."""
        return TimeSpan(self.first_frame / VIDEO_FPS, self.end_frame / VIDEO_FPS)

    @property
    def segment_starts(self) -> tuple[int, ...]:
        """First analysis frame of each real segment."""
        return tuple(self.first_frame + SEGMENT_HOP_FRAMES * i for i in range(self.n_segments))


def plan_windows(start_frame: int, n_frames: int, hop_segments: int = 1) -> tuple[Window, ...]:
    """Lay windows over a run of analysis frames.

    The first window lies where the published evaluation puts it in a 5 s crop: two frames into the
    run. Shorter runs are centred. The last window ends with the last whole segment.

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
