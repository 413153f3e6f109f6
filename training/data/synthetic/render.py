"""Rendering of scene, background, camera and soundtrack into a file."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from training.data.synthetic.backdrop import backdrop_painter
from training.data.synthetic.camera import Camera
from training.data.synthetic.distractors import moving_painter
from training.data.synthetic.encode import write_clip
from training.data.synthetic.performance import Canvas, Painter, Performance
from training.data.synthetic.recipe import ClipRecipe
from training.data.synthetic.soundtrack import mix

_SCENE, _BACKDROP, _MOVING, _CAMERA, _SOUND, _CROP = range(1, 7)


@dataclass(frozen=True, slots=True)
class Square:
    """A square part of the frame, in pixels, over the whole short side."""

    left_px: int
    top_px: int
    side_px: int


@dataclass(frozen=True, slots=True, eq=False)
class Production:
    """A clip, ready to be filmed.

    Attributes:
        recipe: Recipe of the clip.
        performance: The scene, cast and timed.
        layers: Painters from back to front.
        camera: Camera of the clip.
    """

    recipe: ClipRecipe
    performance: Performance
    layers: tuple[Painter, ...]
    camera: Camera

    def frames(self) -> Iterator[NDArray[np.uint8]]:
        """Film the clip: yield I420 frames, frame k exposed around k / frame_rate."""
        stage, style = self.recipe.stage, self.recipe.camera
        rate = self.recipe.encoding.frame_rate
        canvases: list[Canvas] = [
            np.empty((stage.height_px, stage.width_px, 3), np.uint8) for _ in range(2)
        ]
        for index in range(math.ceil(stage.duration_s * rate)):
            time_s = float(index / rate)
            exposed, latest = canvases
            for part in range(style.sub_frames):
                shift = (part + 0.5) / style.sub_frames - 0.5
                target = latest if part else exposed
                for paint in self.layers:
                    paint(target, time_s + shift * style.exposure / float(rate))
                if part:
                    share = 1 / (part + 1)
                    cv2.addWeighted(latest, share, exposed, 1 - share, 0, dst=exposed)
            yield self.camera.film(exposed, time_s)

    def write(self, path: Path) -> None:
        """Write the clip as an MP4."""
        recipe = self.recipe
        sound = mix(
            recipe.generator(_SOUND),
            self.performance.sound,
            recipe.soundtrack,
            recipe.encoding.n_channels,
        )
        write_clip(path, self.frames(), sound, recipe.encoding)

    def crop(self) -> Square:
        """Choose a square around the action, with all of it if it fits, else at random."""
        stage = self.recipe.stage
        rng = self.recipe.generator(_CROP)
        track = self.camera.focus_track()
        sides = np.array((stage.width_px, stage.height_px))
        side = stage.short_px
        reach = min(self.performance.extent_px / 2, 0.45 * side)
        low = np.clip(track.min(axis=0) - reach, 0, sides)
        high = np.clip(track.max(axis=0) + reach, 0, sides)
        first, last = np.maximum(high - side, 0), np.minimum(low, sides - side)
        middle = np.clip(np.median(track, axis=0) - side / 2, 0, sides - side)
        fits = first <= last
        first, last = np.where(fits, first, middle), np.where(fits, last, middle)
        left, top = np.rint(rng.uniform(first, last)).astype(int)
        return Square(int(left), int(top), side)


def produce(recipe: ClipRecipe) -> Production:
    """Cast the scene, paint the background and plan the camera of a clip."""
    stage = recipe.stage
    performance = recipe.scene.perform(recipe.generator(_SCENE), stage)
    layers = (
        backdrop_painter(recipe.generator(_BACKDROP), stage, recipe.backdrop),
        moving_painter(recipe.generator(_MOVING), stage, recipe.moving),
        performance.paint,
    )
    camera = Camera(recipe.generator(_CAMERA), stage, recipe.camera, performance.focus_px)
    return Production(recipe, performance, layers, camera)


def render_once(recipe: ClipRecipe, path: Path) -> None:
    """Write the MP4 of a recipe unless the file exists; it is complete or absent."""
    if not path.exists():
        part = path.with_suffix(".part.mp4")
        produce(recipe).write(part)
        part.replace(path)
