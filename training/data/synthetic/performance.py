"""Interface between scenes and the renderer: a painter over clip time, and the sound.

Clip time starts with the first frame. A scene is in sync by construction: visible events are heard
at the same clip time. Scenes are independent of cameras, codecs, rooms and music.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

SOUND_RATE_HZ = 48_000
"""Sample rate of all generated sound."""

Canvas = NDArray[np.uint8]
"""(H, W, 3) RGB image, painted in place."""

Painter = Callable[[Canvas, float], None]
"""Paints the state at a clip time (s; in any order, also before 0) on a canvas."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Canvas and duration of a scene.

    Attributes:
        width_px: Width of the canvas; sizes of things are fractions of the short side.
        height_px: Height of the canvas.
        duration_s: Length of the clip.
    """

    width_px: int
    height_px: int
    duration_s: float

    @property
    def short_px(self) -> int:
        return min(self.width_px, self.height_px)

    @property
    def n_samples(self) -> int:
        """Number of sound samples from clip time 0 to the end."""
        return round(self.duration_s * SOUND_RATE_HZ)


@dataclass(frozen=True, slots=True, eq=False)
class Performance:
    """One scene, cast and timed.

    Attributes:
        paint: Paints the scene over the background.
        sound: (n_samples,) float32 at 48 kHz, dry and without noise, peak between 0.05 and 1.
        focus_px: Position of the action on the canvas (x, y); training crops lie around it.
        extent_px: Approximate length of the longer side of the moving part.
    """

    paint: Painter
    sound: NDArray[np.float32]
    focus_px: tuple[float, float]
    extent_px: float


class Use(StrEnum):
    """Use of a type of event. Clips for several uses have separate seeds for each use."""

    TRAINING = "trained on"
    CALIBRATION = "only calibrated on"
    HELD_OUT = "held out"


@dataclass(frozen=True, slots=True)
class Scene:
    """A type of event.

    Attributes:
        name: Short unique name in lower case; part of tables and file names.
        perform: Casts and times the scene; all randomness comes from the given generator.
        weight: Frequency in training, relative to other scenes.
        use: Use of the clips.
    """

    name: str
    perform: Callable[[np.random.Generator, Stage], Performance]
    weight: float = 1.0
    use: Use = Use.TRAINING
