"""Measures the automatic crop on generated clips and the gain of a network; prints tables.

    python tests/benchmarks/auto_crop.py FOLDER [CLIPS_PER_ROW]

FOLDER keeps the clips between runs; the seed is FIRST_INDEX. A square holds the action if it shows
at least 0.8 of the action shown by the best possible square, over time. Clips with the event mostly
outside of the centre square have rows of their own, with the same types of events. The built-in
model on the square alone stands in for a network with a square view.
"""

import itertools
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.detection.answer.estimate import estimate_offset
from core.detection.config import DetectionConfig
from core.detection.crop.autocrop import plan_crops
from core.detection.crop.cut import cut_squares
from core.detection.crop_plan import CropPlan, Square, centre_square
from core.detection.engines.base import ClipContext, Engine
from core.detection.engines.open import EngineChoice, open_engine
from core.detection.evidence import OffsetEvidence, merge_squares
from core.media.decoder import ClipChunk, ClipDecoder
from core.media.probe import probe
from core.model.store.catalog import BUILTIN
from core.progress import SILENT
from core.timing import AUDIO_RATE_HZ, VIDEO_FPS
from training.data.synthetic.performance import Stage
from training.data.synthetic.recipe import ClipRecipe, recipe_of, split_scenes
from training.data.synthetic.render import Production, produce

CLIP_S = 10.0
SIZES = {"wide": (454, 256), "vertical": (256, 454)}
PLACES = ("off centre", "centre")
OFFSETS_S = (0.9, 0.0, -1.3, 0.4, -0.6)
CONTAINED = 0.8
RIGHT_S = 0.1
LEAST_EXTENT_PX = 32
FIRST_INDEX = 90_000


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """A clip and the position of its action.

    Attributes:
        group: Shape of the frame and place of the action.
        scene: Type of the event.
        path: Path of the clip.
        boxes: (T, 4) left, top, right and bottom of the action over time, in pixels.
        offset_s: Simulated offset.
    """

    group: str
    scene: str
    path: Path
    boxes: NDArray[np.float64]
    offset_s: float


def trials(folder: Path, n_clips: int) -> Iterator[Trial]:
    """Render `n_clips` clips per group, each with the next type of event."""
    scenes = split_scenes("train") + split_scenes("held-out")
    for row, (shape, place) in enumerate(itertools.product(SIZES, PLACES)):
        for number in range(n_clips):
            scene = scenes[number * 5 % len(scenes)]
            split = "train" if scene in split_scenes("train") else "held-out"
            index = FIRST_INDEX + 1000 * row + 20 * number
            while True:
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
                index += 1
            path = folder / f"{shape}-{place}-{number}-{scene.name}.mp4".replace(" ", "_")
            if not path.exists():
                production.write(path)
            offset_s = OFFSETS_S[number % len(OFFSETS_S)]
            yield Trial(f"{shape}, {place}", scene.name, path, boxes, offset_s)


def action_boxes(production: Production) -> NDArray[np.float64]:
    """Square around the action, (T, 4), clipped at the borders of the frame."""
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
    """Share of the action inside a square, over time."""
    low, high = boxes[:, :2], boxes[:, 2:]
    begin = np.maximum(low, (square.left_px, square.top_px))
    end = np.minimum(high, (square.left_px + square.side_px, square.top_px + square.side_px))
    inside = np.prod(np.maximum(end - begin, 0), axis=1)
    return float((inside / np.maximum(np.prod(high - low, axis=1), 1)).mean())


def best_shown(boxes: NDArray[np.float64], width_px: int, height_px: int) -> float:
    """Share of the action inside the best possible square."""
    return max(
        shown(boxes, Square(left, top))
        for left in range(0, width_px - 223, 4)
        for top in range(0, height_px - 223, 4)
    )


@dataclass(frozen=True, slots=True)
class Outcome:
    """Result of one clip with one crop rule.

    Attributes:
        share: Share of the action, relative to the best possible square; the best of several.
        is_centred: Whether the centre was kept.
        error_s: Error of the built-in model on the squares.
        pass_s: CPU time of the planning pass, without decoding.
        decoding_s: CPU time of decoding once.
    """

    share: float
    is_centred: bool
    error_s: float
    pass_s: float
    decoding_s: float


def decoded(trial: Trial) -> list[ClipChunk]:
    info = probe(trial.path)
    with ClipDecoder(
        info,
        video_stream_index=info.videos[0].index,
        audio_stream_index=info.audios[0].index,
        audio_shift_samples=round(trial.offset_s * AUDIO_RATE_HZ),
    ) as decoder:
        return list(decoder)


def analyzed(
    engine: Engine, chunks: Sequence[ClipChunk], plan: CropPlan, config: DetectionConfig
) -> list[OffsetEvidence]:
    """Evidence of an engine on the squares of a clip alone."""
    run = engine.start(config, SILENT, ClipContext(round(CLIP_S * VIDEO_FPS)))
    evidence: list[OffsetEvidence] = []
    for chunk in chunks:
        frames = cut_squares(chunk.frames, chunk.first_frame, plan)
        evidence += run.consume(replace(chunk, frames=frames))
    return [*evidence, *run.finish()]


def measure(engine: Engine, trial: Trial, crop: str) -> Outcome:
    config = DetectionConfig(crop=crop)
    began_s = time.process_time()
    chunks = decoded(trial)
    decoded_s = time.process_time()
    plans = plan_crops(chunks, round(CLIP_S * VIDEO_FPS), config, SILENT)
    passed_s = time.process_time()
    evidence = merge_squares([analyzed(engine, chunks, plan, config) for plan in plans])
    return Outcome(
        share=max(share_shown(trial, plan, chunks) for plan in plans),
        is_centred=not plans[0].shots,
        error_s=abs(estimate_offset(evidence, config).offset_s - trial.offset_s),
        pass_s=passed_s - decoded_s,
        decoding_s=decoded_s - began_s,
    )


def share_shown(trial: Trial, plan: CropPlan, chunks: Sequence[ClipChunk]) -> float:
    height_px, width_px = chunks[0].frames.shape[1:3]
    times = np.linspace(0, CLIP_S, len(trial.boxes), endpoint=False)
    centre = centre_square(width_px, height_px)
    squares = [plan.square_at(int(t * VIDEO_FPS)) or centre for t in times]
    parts = [shown(trial.boxes[i : i + 1], square) for i, square in enumerate(squares)]
    return float(np.mean(parts)) / best_shown(trial.boxes, width_px, height_px)


def report(name: str, rows: Sequence[Outcome]) -> None:
    errors = np.array([row.error_s for row in rows])
    print(  # noqa: T201
        f"{name:28s} {len(rows):3d} {np.mean([row.share >= CONTAINED for row in rows]):6.2f}"
        f" {np.mean([row.is_centred for row in rows]):8.2f} {np.mean(errors <= RIGHT_S):6.2f}"
        f" {1000 * np.median(errors):10.0f} {60 / CLIP_S * np.mean([r.pass_s for r in rows]):9.1f}"
        f" {60 / CLIP_S * np.mean([row.decoding_s for row in rows]):9.1f}",
        flush=True,
    )


def report_foreign(made: Sequence[Trial]) -> None:
    """Print the share of clips with foreign audio that keep the centre."""
    kept = []
    for trial, other in zip(made, [*made[1:], made[0]], strict=True):
        pairs = zip(decoded(trial), decoded(other), strict=False)
        chunks = [
            replace(video, waveform=audio.waveform)
            for video, audio in pairs
            if len(video.frames) == len(audio.frames)
        ]
        plans = plan_crops(chunks, round(CLIP_S * VIDEO_FPS), DetectionConfig(), SILENT)
        kept.append(not plans[0].shots)
    print(f"sound of another clip: centre kept in {np.mean(kept):.2f} of {len(kept)}")  # noqa: T201


def main() -> None:
    folder, n_clips = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 10
    folder.mkdir(parents=True, exist_ok=True)
    engine = open_engine(EngineChoice(BUILTIN))
    made = list(trials(folder, n_clips))
    print(  # noqa: T201
        "                               n  holds  centred  right  median ms"
        "  pass s/min  decoding s/min"
    )
    for group in dict.fromkeys(trial.group for trial in made):
        of_group = [trial for trial in made if trial.group == group]
        for crop in ("centre", "auto", "multi"):
            rows = [measure(engine, trial, crop) for trial in of_group]
            report(f"{group}: {crop}", rows)
            for trial, row in zip(of_group, rows, strict=True):
                if row.share < CONTAINED and crop == "auto":
                    print(f"    missed: {trial.scene} ({row.share:.2f})")  # noqa: T201
    report_foreign(made)


if __name__ == "__main__":
    main()
