"""Options for making samples of clips."""

from dataclasses import dataclass, field
from typing import Literal

from core.model.synchformer.dimensions import WINDOW_SEGMENTS
from training.data.augment import Augmentation


@dataclass(frozen=True, slots=True)
class SampleRecipe:
    """Options for making windows of clips.

    Attributes:
        longest_s: Longest part of a clip in use, in seconds.
        legacy_priming: Drop AAC priming once too often, as for the published VGGSound and AudioSet
            models.
        n_segments: Segments per clip in the first stage, without overlap; 14 fill 8.96 s.
        augmentation: Probabilities of the augmentations of training windows.
        jitter: Move the audio of training windows by up to 50 ms.
        use_fixed_offsets: Test on the windows in the tables of the data set, if there are any and
            `n_passes` is 1; else on random windows.
        n_passes: Test windows per clip.
        unusable: Treatment of damaged and too short clips: "skip" replaces the clip by the next
            one and counts it, "stop" ends the run.
    """

    longest_s: float = 10.0
    legacy_priming: bool = False
    n_segments: int = WINDOW_SEGMENTS
    augmentation: Augmentation = field(default_factory=Augmentation)
    jitter: bool = True
    use_fixed_offsets: bool = True
    n_passes: int = 1
    unusable: Literal["skip", "stop"] = "skip"

    def __post_init__(self) -> None:
        if not self.longest_s > 0:
            raise ValueError(f"longest_s is to be more than 0, not {self.longest_s}")
        for name in ("n_segments", "n_passes"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is to be 1 or more, not {getattr(self, name)}")
        if self.unusable not in ("skip", "stop"):
            raise ValueError(f"unusable is skip or stop, not {self.unusable}")

    @property
    def is_by_table(self) -> bool:
        """Test windows come from tables; a table has only one window per clip."""
        return self.use_fixed_offsets and self.n_passes == 1


@dataclass(frozen=True, slots=True)
class CacheConfig:
    """Options for features on disk.

    Attributes:
        n_views: Random views per clip, each with its own crop, mirroring and first frame.
        n_easy: Number of windows over which training spreads from the middle of the clips to all
            of them; 0 for no restriction. In clips with an event in the middle, audio alone shows
            the offset of the first windows; this lets a small network start to learn.
    """

    n_views: int = 4
    n_easy: int = 0

    def __post_init__(self) -> None:
        if self.n_views < 1:
            raise ValueError(f"n_views is to be 1 or more, not {self.n_views}")
        if self.n_easy < 0:
            raise ValueError(f"n_easy is to be 0 or more, not {self.n_easy}")
