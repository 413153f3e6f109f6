"""Everything that is drawn for a clip, from nothing but its split and its number."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from training.data.synthetic.backdrop import BackdropStyle, draw_backdrop
from training.data.synthetic.camera import CameraStyle, draw_camera
from training.data.synthetic.catalogue import scenes_for
from training.data.synthetic.distractors import draw_moving
from training.data.synthetic.encode import Encoding, draw_encoding
from training.data.synthetic.performance import Scene, Stage, Use
from training.data.synthetic.soundtrack import SoundtrackStyle, draw_soundtrack

_USES = {
    "train": Use.TRAINING,
    "val": Use.TRAINING,
    "held-out": Use.HELD_OUT,
    "calibration": Use.TRAINING,
    "calibration-types": Use.CALIBRATION,
}
"""Splits that share their scenes have other seeds."""

SPLITS = tuple(_USES)
SPLIT_OF = {Use.TRAINING: "train", Use.CALIBRATION: "calibration-types", Use.HELD_OUT: "held-out"}
"""The split that shows what the scenes of a use look like."""

CLIP_S = 10.0

_SHORT_SIDES_PX = (256, 288, 360)
_SHORT_SIDE_SHARES = (0.86, 0.08, 0.06)
_ASPECTS = ((16, 9), (4, 3), (1, 1), (9, 16))
_ASPECT_SHARES = (0.5, 0.25, 0.1, 0.15)
_GOLDEN = (5**0.5 - 1) / 2


@dataclass(frozen=True, slots=True)
class ClipRecipe:
    """One clip; the same recipe always gives the same clip.

    Attributes:
        split: One of SPLITS.
        index: Number in the split.
        scene: What is seen and heard.
        stage: The canvas, which is also the picture.
        backdrop: What is behind.
        moving: Kinds of silent movement.
        camera: How it is filmed.
        soundtrack: How it is recorded.
        encoding: How it is compressed.
    """

    split: str
    index: int
    scene: Scene
    stage: Stage
    backdrop: BackdropStyle
    moving: tuple[str, ...]
    camera: CameraStyle
    soundtrack: SoundtrackStyle
    encoding: Encoding

    def generator(self, part: int) -> np.random.Generator:
        """Return the source of randomness for a part of the rendering; 0 is the drawing itself."""
        return _generator(self.split, self.index, self.scene, part)


def split_scenes(split: str) -> tuple[Scene, ...]:
    """Return the scenes of a split.

    Raises:
        ValueError: There is no such split.
    """
    if split not in SPLITS:
        raise ValueError(f"splits are {', '.join(SPLITS)}, got {split!r}")
    return scenes_for(_USES[split])


def draw_recipe(split: str, index: int) -> ClipRecipe:
    """Draw a clip of a split; any run of numbers has the scenes in the shares of their weights.

    Raises:
        ValueError: There is no such split, or it has no scenes.
    """
    return recipe_of(scene_at(split_scenes(split), index), split, index)


def scene_at(scenes: Sequence[Scene], index: int) -> Scene:
    """Return the scene of a number: multiples of the golden ratio fill any interval evenly."""
    if not scenes:
        raise ValueError("a scene is drawn from at least one")
    ends = np.cumsum([scene.weight for scene in scenes])
    place = (0.5 + index * _GOLDEN) % 1
    return scenes[int(np.searchsorted(ends, place * ends[-1], side="right"))]


def recipe_of(scene: Scene, split: str, index: int) -> ClipRecipe:
    """Draw a clip of a given scene."""
    rng = _generator(split, index, scene, 0)
    short = int(rng.choice(_SHORT_SIDES_PX, p=_SHORT_SIDE_SHARES))
    across, down = _ASPECTS[int(rng.choice(len(_ASPECTS), p=_ASPECT_SHARES))]
    # Sides are even, since colours are stored at half the size.
    width, height = (short * side // min(across, down) // 2 * 2 for side in (across, down))
    return ClipRecipe(
        split=split,
        index=index,
        scene=scene,
        stage=Stage(width, height, CLIP_S),
        backdrop=draw_backdrop(rng),
        moving=draw_moving(rng),
        camera=draw_camera(rng),
        soundtrack=draw_soundtrack(rng),
        encoding=draw_encoding(rng),
    )


def _generator(split: str, index: int, scene: Scene, part: int) -> np.random.Generator:
    name = zlib.crc32(scene.name.encode())
    return np.random.default_rng(np.random.SeedSequence((SPLITS.index(split), index, name, part)))
