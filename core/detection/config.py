"""Options of a detection."""

from dataclasses import dataclass

from core.detection.crop_plan import stated_square
from core.timing import TOLERANCES, Tolerance

HOP_STEP_S = 0.32
"""Distance of neighbouring segments; a hop is a whole multiple of it."""

LONGEST_CLIP_S = 1_000_000
"""Upper limit of times within a clip: eleven days."""


@dataclass(frozen=True, slots=True)
class DetectionConfig:
    """Options of a detection.

    Attributes:
        tolerance: Accepted offsets.
        hop_s: Distance of neighbouring windows, rounded to multiples of 0.32 s.
        range_s: Largest offset considered, either way, in seconds.
        level: Probability of the interval.
        audio_stream_index: Index of the audio stream in the container; None takes the first.
        simulate_offset_s: Known offset applied to the audio before the analysis.
        window_start_s: Start of a 5 s crop, in clip time; only its window is analyzed.
        start_s: Start of the part to analyze, in clip time.
        end_s: End of the part; None is the end of the clip.
        until_s: Half-width of the interval at which the analysis stops; None analyzes everything.
        budget_s: Time budget in seconds; None is unlimited.
        stops_early: Stop early in long clips, at the margin of `schedule.budget`, unless `until_s`,
            `budget_s` or `window_start_s` is given.
        crop: Crop rule of engines with a square view: "auto", "centre", "multi" or "x,y,s".
        shift_step_s: Distance of the audio shifts evaluated by a network with classes; 0 evaluates
            the unshifted audio only.
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
                f"audio shifts are 0.01 to 0.1 s apart, or 0 for none, got {self.shift_step_s}"
            )
        self._check_extent()
        stated_square(self.crop)

    @property
    def hop_segments(self) -> int:
        return max(1, round(self.hop_s / HOP_STEP_S))

    @property
    def is_anytime(self) -> bool:
        """Whether the analysis may stop before the end."""
        return self.until_s is not None or self.budget_s is not None

    @property
    def is_region(self) -> bool:
        """Whether the analysis is limited to a part of the clip."""
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
                f"the time budget is above 0 to {LONGEST_CLIP_S} s, got {self.budget_s}"
            )
        if self.window_start_s is not None and (self.is_region or self.is_anytime):
            raise ValueError(
                "a single window allows no part, margin or time budget, got a window at"
                f" {self.window_start_s} s"
            )
