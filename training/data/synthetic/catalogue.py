"""All scenes, and which of them are trained on."""

from training.data.synthetic.performance import Scene
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
    unseen_blows,
)

_MODULES = (
    impacts,
    tools,
    unseen_blows,
    percussion,
    strikes,
    signals,
    creatures,
    instruments,
    continuous,
    faces,
)


def all_scenes() -> tuple[Scene, ...]:
    """Return every scene there is."""
    return tuple(scene for module in _MODULES for scene in module.SCENES)


def trained_scenes() -> tuple[Scene, ...]:
    """Return the scenes that training draws from."""
    return tuple(scene for scene in all_scenes() if not scene.is_held_out)


def held_out_scenes() -> tuple[Scene, ...]:
    """Return the scenes that are only measured on."""
    return tuple(scene for scene in all_scenes() if scene.is_held_out)
