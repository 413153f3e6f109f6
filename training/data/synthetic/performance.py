"""The seam between scenes and the renderer: what is seen at any time, and what is heard.

Clip time starts with the first picture. A scene is in sync by construction: whatever is seen at a
time is heard at that time. Scenes know nothing of cameras, codecs, rooms and music.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

SOUND_RATE_HZ = 48_000
"""Rate at which all sound is made."""

Canvas = NDArray[np.uint8]
"""(H, W, 3) RGB picture that is painted on in place."""

Painter = Callable[[Canvas, float], None]
"""Paints the state at a time (seconds of clip time, any order, also before 0) on a canvas."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What a scene is given to fill.

    Attributes:
        width_px: Width of the canvas; sizes of things are fractions of the short side.
        height_px: Its height.
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
        """Samples of sound from clip time 0 to the end."""
        return round(self.duration_s * SOUND_RATE_HZ)


@dataclass(frozen=True, slots=True, eq=False)
class Performance:
    """One scene, cast and timed.

    Attributes:
        paint: Paints the scene over whatever background is there.
        sound: (n_samples,) float32 at 48 kHz, dry and without noise, peak between 0.05 and 1.
        focus_px: Where on the canvas the action is (x, y); a crop for training is laid around it.
        extent_px: About how large the moving part is (its longer side).
    """

    paint: Painter
    sound: NDArray[np.float32]
    focus_px: tuple[float, float]
    extent_px: float


class Use(StrEnum):
    """What a type of event is for. Clips for more than one use have seeds of their own for each."""

    TRAINING = "trained on"
    CALIBRATION = "only calibrated on"
    HELD_OUT = "held out"


@dataclass(frozen=True, slots=True)
class Scene:
    """A type of event.

    Attributes:
        name: Short, lower case, unique; tables and file names carry it.
        perform: Casts and times it: everything random comes from the generator given.
        weight: How often it is drawn for training, relative to others.
        use: What its clips are for.
    """

    name: str
    perform: Callable[[np.random.Generator, Stage], Performance]
    weight: float = 1.0
    use: Use = Use.TRAINING
