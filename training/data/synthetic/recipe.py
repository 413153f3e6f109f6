"""Recipes: all random choices of a clip, determined by its split and its number."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from training.data.synthetic.backdrop import BackdropStyle, draw_backdrop
from training.data.synthetic.camera import CameraStyle, draw_camera
from training.data.synthetic.distractors import draw_moving
from training.data.synthetic.encode import Encoding, draw_encoding
from training.data.synthetic.performance import Scene, Stage, Use
from training.data.synthetic.scenes import (
    continuous,
    creatures,
    faces,
    impacts,
    instruments,
    percussion,
    signals,
    strikes,
    tools,
    unseen_impacts,
)
from training.data.synthetic.soundtrack import SoundtrackStyle, draw_soundtrack

_USES = {
    "train": Use.TRAINING,
    "val": Use.TRAINING,
    "held-out": Use.HELD_OUT,
    "calibration": Use.TRAINING,
    "calibration-types": Use.CALIBRATION,
}
"""Use of each split. Splits of the same use have different seeds."""

SPLITS = tuple(_USES)
SPLIT_OF = {Use.TRAINING: "train", Use.CALIBRATION: "calibration-types", Use.HELD_OUT: "held-out"}
"""Split for sample clips of a use."""

CLIP_S = 10.0

_SHORT_SIDES_PX = (256, 288, 360)
_SHORT_SIDE_SHARES = (0.86, 0.08, 0.06)
_ASPECTS = ((16, 9), (4, 3), (1, 1), (9, 16))
_ASPECT_SHARES = (0.5, 0.25, 0.1, 0.15)
_GOLDEN = (5**0.5 - 1) / 2

_MODULES = (
    impacts,
    tools,
    unseen_impacts,
    percussion,
    strikes,
    signals,
    creatures,
    instruments,
    continuous,
    faces,
)


def all_scenes() -> tuple[Scene, ...]:
    """All scenes."""
    return tuple(scene for module in _MODULES for scene in module.SCENES)


def scenes_for(use: Use) -> tuple[Scene, ...]:
    """Scenes of one use; no scene has two uses."""
    return tuple(scene for scene in all_scenes() if scene.use is use)


@dataclass(frozen=True, slots=True)
class ClipRecipe:
    """Recipe of one clip; equal recipes give equal clips.

    Attributes:
        split: One of SPLITS.
        index: Number in the split.
        scene: The scene.
        stage: The canvas, of the size of the frames.
        backdrop: Style of the background.
        moving: Kinds of silent movement.
        camera: Style of the camera work.
        soundtrack: Style of the recording.
        encoding: Settings of the codecs.
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
        """Random generator for a part of the rendering; part 0 draws the recipe itself."""
        return _generator(self.split, self.index, self.scene, part)


def split_scenes(split: str) -> tuple[Scene, ...]:
    """Scenes of a split.

    Raises:
        ValueError: The split is unknown.
    """
    if split not in SPLITS:
        raise ValueError(f"splits are {', '.join(SPLITS)}, got {split!r}")
    return scenes_for(_USES[split])


def draw_recipe(split: str, index: int) -> ClipRecipe:
    """Draw a clip of a split; any run of numbers has the scenes in proportion to their weights.

    Raises:
        ValueError: The split is unknown or has no scenes.
    """
    return recipe_of(scene_at(split_scenes(split), index), split, index)


def scene_at(scenes: Sequence[Scene], index: int) -> Scene:
    """Scene of a clip number, by multiples of the golden ratio: they fill any interval evenly."""
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
    # Sides are even, because chroma is stored at half the size.
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
