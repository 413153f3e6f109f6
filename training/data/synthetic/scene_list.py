"""All scenes, by use."""

from training.data.synthetic.performance import Scene, Use
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
