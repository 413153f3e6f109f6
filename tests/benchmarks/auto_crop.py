"""Measures where auto crop looks on generated clips whose event is known; prints tables.

    python tests/benchmarks/auto_crop.py FOLDER [CLIPS_PER_ROW]

FOLDER keeps the clips between runs. A clip counts as contained if the square shows at least 0.8 of
the action, over time, that the best possible square shows. Vertical and wide clips whose event lies
for the most part outside the centre square are listed apart from those whose event is within it.
"""

import itertools
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.detection.config import DetectionConfig
from core.detection.crop.autocrop import plan_crops
from core.detection.crop.plan import Square, centre_square
from core.media.probe import probe
from core.progress import SILENT
from core.timing import VIDEO_FPS
from training.data.synthetic.performance import Stage
from training.data.synthetic.recipe import ClipRecipe, recipe_of, split_scenes
from training.data.synthetic.render import Production, produce

CLIP_S = 10.0
SIZES = {"wide": (454, 256), "vertical": (256, 454)}
PLACES = ("off centre", "centre")
OFFSETS_S = (0.9, 0.0, -1.3, 0.4, -0.6)
CONTAINED = 0.8
LEAST_EXTENT_PX = 32
FIRST_INDEX = 90_000


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """A clip and where its action is.

    Attributes:
        group: Shape of the picture and place of the action.
        scene: Type of the event.
        path: The clip.
        boxes: (T, 4) left, top, right, bottom of the action over time, pixels.
        offset_s: By how much the sound is made early.
    """

    group: str
    scene: str
    path: Path
    boxes: NDArray[np.float64]
    offset_s: float


def trials(folder: Path, n_clips: int) -> Iterator[Trial]:
    """Render, for each group, so many clips, each with the next type of event."""
    scenes = split_scenes("train") + split_scenes("held-out")
    for row, (shape, place) in enumerate(itertools.product(SIZES, PLACES)):
        for number in range(n_clips):
            scene = scenes[(row * 11 + number * 5) % len(scenes)]
            split = "train" if scene in split_scenes("train") else "held-out"
            for index in itertools.count(FIRST_INDEX + 1000 * row + 20 * number):
                recipe = recipe_of(scene, split, index)
                recipe = replace(
                    recipe,
                    stage=Stage(*SIZES[shape], CLIP_S),
                    camera=replace(recipe.camera, n_cuts=0),
                )
                production = produce(recipe)
                boxes = action_boxes(production)
                if is_wanted(boxes, recipe, place):
                    break
            path = folder / f"{shape}-{place}-{number}-{scene.name}.mp4".replace(" ", "_")
            if not path.exists():
                production.write(path)
            offset_s = OFFSETS_S[number % len(OFFSETS_S)]
            yield Trial(f"{shape}, {place}", scene.name, path, boxes, offset_s)


def action_boxes(production: Production) -> NDArray[np.float64]:
    """Return (T, 4): the square around the action, cut at the borders of the picture."""
    stage = production.recipe.stage
    reach = max(production.performance.extent_px, LEAST_EXTENT_PX) / 2
    track = production.camera.focus_track()
    sides = (stage.width_px, stage.height_px)
    low, high = np.clip(track - reach, 0, sides), np.clip(track + reach, 0, sides)
    return np.concatenate([low, high], axis=1)


def is_wanted(boxes: NDArray[np.float64], recipe: ClipRecipe, place: str) -> bool:
    stage = recipe.stage
    share = shown(boxes, centre_square(stage.width_px, stage.height_px))
    return share < 0.4 if place == "off centre" else share > 0.95


def shown(boxes: NDArray[np.float64], square: Square) -> float:
    """Return the share of the action that lies in a square, over time."""
    low, high = boxes[:, :2], boxes[:, 2:]
    begin = np.maximum(low, (square.left_px, square.top_px))
    end = np.minimum(high, (square.left_px + square.side_px, square.top_px + square.side_px))
    inside = np.prod(np.maximum(end - begin, 0), axis=1)
    return float((inside / np.maximum(np.prod(high - low, axis=1), 1)).mean())


def best_shown(boxes: NDArray[np.float64], width_px: int, height_px: int) -> float:
    """Return the share of the action that the best possible square shows."""
    return max(
        shown(boxes, Square(left, top))
        for left in range(0, width_px - 223, 4)
        for top in range(0, height_px - 223, 4)
    )


def report(name: str, shares: list[float], times: list[float], stayed: list[bool]) -> None:
    contained = np.mean(np.array(shares) >= CONTAINED)
    print(  # noqa: T201
        f"{name:24s} {len(shares):3d} {contained:10.2f} {np.mean(shares):8.2f}"
        f" {np.mean(stayed):8.2f} {np.median(times):12.0f}"
    )


def measure(trial: Trial, crop: str) -> tuple[float, float, bool]:
    """Return the share shown, relative to the best, the speed and whether it kept the centre."""
    info = probe(trial.path)
    video = info.videos[0]
    began_s = time.perf_counter()
    config = DetectionConfig(crop=crop, simulate_offset_s=trial.offset_s)
    plans = plan_crops(info, video.index, info.audios[0].index, config, SILENT)
    speed = CLIP_S / (time.perf_counter() - began_s)
    size = (video.width_px, video.height_px)
    times = np.linspace(0, CLIP_S, len(trial.boxes), endpoint=False)
    best = best_shown(trial.boxes, *size)
    share = 0.0
    for plan in plans:
        squares = [plan.square_at(int(t * VIDEO_FPS)) or centre_square(*size) for t in times]
        parts = [shown(trial.boxes[i : i + 1], square) for i, square in enumerate(squares)]
        share = max(share, float(np.mean(parts)) / best)
    return share, speed, not plans[0].shots


def main() -> None:
    folder, n_clips = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 10
    folder.mkdir(parents=True, exist_ok=True)
    made = list(trials(folder, n_clips))
    print("                           n  contained   shown  centred  x real time")  # noqa: T201
    for crop in ("centre", "auto", "multi"):
        for group in dict.fromkeys(trial.group for trial in made):
            of_group = [trial for trial in made if trial.group == group]
            rows = [measure(trial, crop) for trial in of_group]
            report(f"{crop}: {group}", *(list(column) for column in zip(*rows, strict=True)))
            for trial, row in zip(of_group, rows, strict=True):
                if row[0] < CONTAINED and crop == "auto":
                    print(f"    missed: {trial.scene} ({row[0]:.2f})")  # noqa: T201


if __name__ == "__main__":
    main()
