"""How samples are made of clips, as plain values."""

from dataclasses import dataclass, field
from typing import Literal

from core.model.synchformer.dimensions import WINDOW_SEGMENTS
from training.data.augment import Augmentation


@dataclass(frozen=True, slots=True)
class SampleRecipe:
    """How windows are made of clips.

    Attributes:
        longest_s: What a clip has beyond it is not used.
        legacy_priming: Hear the clips with the priming of AAC dropped once too often, as the
            published VGGSound and AudioSet models did.
        n_segments: Of the first stage, whose segments do not overlap; 14 fill a window of 8.96 s.
        augmentation: What is done to training windows, and how often.
        jitter: Move the sound of training windows by up to 50 ms.
        use_fixed_offsets: Judge the windows in the tables of the data set, where there are any and
            one of each clip is judged; otherwise windows are drawn.
        n_passes: How many windows of each clip are judged in a test.
        unusable: What is done about clips that are damaged or too short: "skip" takes the next
            one in their place and counts it, "stop" ends the run.
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
        """Whether tables decide on windows of a test; they have one of a clip, not several."""
        return self.use_fixed_offsets and self.n_passes == 1


@dataclass(frozen=True, slots=True)
class CacheConfig:
    """How features on the disk are used, where a folder for them is named.

    Attributes:
        n_views: Ways of looking at each clip, each with a square, a direction and a first frame of
            its own.
        n_easy: Windows over which training spreads from the middle of the clips to all of them; 0
            begins with all. Where every clip has an event in its middle, the sound alone tells the
            offset at first, which gets a small network going.
    """

    n_views: int = 4
    n_easy: int = 0

    def __post_init__(self) -> None:
        if self.n_views < 1:
            raise ValueError(f"n_views is to be 1 or more, not {self.n_views}")
        if self.n_easy < 0:
            raise ValueError(f"n_easy is to be 0 or more, not {self.n_easy}")
