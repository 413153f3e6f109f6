"""The options of a detection."""

from dataclasses import dataclass

from core.detection.crop_plan import stated_square
from core.timing import TOLERANCES, Tolerance

HOP_STEP_S = 0.32
"""Distance of neighbouring segments; hops are whole multiples of it."""

LONGEST_CLIP_S = 1_000_000
"""Eleven days; no time within a clip lies beyond."""


@dataclass(frozen=True, slots=True)
class DetectionConfig:
    """How a clip is judged.

    Attributes:
        tolerance: What counts as in sync.
        hop_s: Distance of neighbouring windows, rounded to multiples of 0.32 s.
        range_s: Largest offset that is considered, either way, in seconds.
        level: Probability mass of the stated interval.
        audio_stream_index: Stream of the container to judge; None takes the first.
        simulate_offset_s: Known offset applied to the audio before it is judged.
        window_start_s: Judge only the window of the 5 s crop that starts here, in clip time.
        start_s: Judge the clip from here on, in clip time.
        end_s: Judge it up to here; None is its end.
        until_s: Stop as soon as the interval reaches no farther than this from the answer; None
            goes on.
        budget_s: Stop when this much time is spent; None takes what it takes.
        stops_early: Leave long clips at a margin that `schedule.budget` names, unless a margin, a
            time or a single window is asked for.
        crop: Where engines that see a square look: "auto", "centre", "multi" or "x,y,s".
        shift_step_s: Distance of the audio shifts at which a network with classes is asked; 0 asks
            once, without a shift.
    """

    tolerance: Tolerance = TOLERANCES[0]
    hop_s: float = 2 * HOP_STEP_S
    range_s: float = 2.0
    level: float = 0.9
    audio_stream_index: int | None = None
    simulate_offset_s: float = 0.0
    window_start_s: float | None = None
    start_s: float = 0.0
    end_s: float | None = None
    until_s: float | None = None
    budget_s: float | None = None
    stops_early: bool = False
    crop: str = "auto"
    shift_step_s: float = 0.04

    def __post_init__(self) -> None:
        if not HOP_STEP_S <= self.hop_s <= 3600:
            raise ValueError(f"the hop is {HOP_STEP_S} to 3600 s, got {self.hop_s}")
        if not 0.2 <= self.range_s <= 30:
            raise ValueError(f"the range is 0.2 to 30 s, got {self.range_s}")
        if not 0.5 <= self.level < 1:
            raise ValueError(f"the level of the interval is 0.5 to below 1, got {self.level}")
        if not abs(self.simulate_offset_s) <= 30:
            raise ValueError(f"a simulated offset is at most 30 s, got {self.simulate_offset_s}")
        if self.window_start_s is not None and not 0 <= self.window_start_s <= LONGEST_CLIP_S:
            raise ValueError(
                f"a window starts at 0 to {LONGEST_CLIP_S} s, got {self.window_start_s}"
            )
        if self.shift_step_s and not 0.01 <= self.shift_step_s <= 0.1:
            raise ValueError(
                f"audio shifts lie 0.01 to 0.1 s apart, or 0 asks once, got {self.shift_step_s}"
            )
        self._check_extent()
        stated_square(self.crop)

    @property
    def hop_segments(self) -> int:
        return max(1, round(self.hop_s / HOP_STEP_S))

    @property
    def is_anytime(self) -> bool:
        """Whether less than the whole may be judged."""
        return self.until_s is not None or self.budget_s is not None

    @property
    def is_region(self) -> bool:
        """Whether only a part of the clip is asked about."""
        return self.start_s > 0 or self.end_s is not None

    def _check_extent(self) -> None:
        if not 0 <= self.start_s <= LONGEST_CLIP_S:
            raise ValueError(f"the part starts at 0 to {LONGEST_CLIP_S} s, got {self.start_s}")
        if self.end_s is not None and not self.start_s < self.end_s <= LONGEST_CLIP_S:
            raise ValueError(
                f"the part has to end after its start at {self.start_s:g} s, and before"
                f" {LONGEST_CLIP_S} s, got {self.end_s:g}"
            )
        if self.until_s is not None and not 0 < self.until_s <= 30:
            raise ValueError(f"the margin to stop at is above 0 to 30 s, got {self.until_s}")
        if self.budget_s is not None and not 0 < self.budget_s <= LONGEST_CLIP_S:
            raise ValueError(
                f"the time to spend is above 0 to {LONGEST_CLIP_S} s, got {self.budget_s}"
            )
        if self.window_start_s is not None and (self.is_region or self.is_anytime):
            raise ValueError(
                "a single window is judged as a whole, with no part, margin or time to spend, got"
                f" a window at {self.window_start_s} s besides"
            )
