"""Clips of a benchmark: folders of real clips, and generated clips never trained on."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from core.workflow.folder import find_clips
from training.benchmark.trials import FAR_LEAST_S, ClipTask
from training.data.synthetic.cache import render_split_files
from training.data.synthetic.recipe import recipe_of, split_scenes
from training.data.synthetic.render import render_once

TITLES = {
    "val": "Generated clips of trained event types",
    "held-out": "Generated clips of event types never trained on",
}

LONG_S = FAR_LEAST_S + 4
"""Length of the clips for far offsets."""

MOST_FOREIGN = 4
"""Largest number of foreign clips for each clip of a folder."""

_LONG_FROM_INDEX = 2_000_000
"""First number of long clips; keeps their seeds apart from all others."""


@dataclass(frozen=True, slots=True)
class ClipSet:
    """Clips with common tables.

    Attributes:
        name: Heading of the tables.
        tasks: One task for each clip.
    """

    name: str
    tasks: tuple[ClipTask, ...]


def folder_set(folder: Path, *, all_classes: bool) -> ClipSet:
    """List the clips of a folder, each with the audio of the next ones as foreign audio.

    Args:
        folder: Folder of clips known to be in sync.
        all_classes: Ask for all 21 classes and ten free offsets instead of one each.

    Raises:
        MediaError: The folder cannot be read or holds no clip.
    """
    paths = find_clips(folder, recursive=False)
    n_foreign = min(len(paths) - 1, MOST_FOREIGN)
    tasks = [
        ClipTask(
            path,
            group=path.stem,
            foreign=tuple(paths[(i + k) % len(paths)] for k in range(1, n_foreign + 1)),
            all_classes=all_classes,
        )
        for i, path in enumerate(paths)
    ]
    return ClipSet(f"Folder {folder.name}", tuple(tasks))


def generated_set(folder: Path, split: str, n_clips: int, n_long: int, seed: int) -> ClipSet:
    """Render the missing clips of a split.

    Each clip gets the audio of one other clip of any scene as foreign audio.

    Args:
        folder: Folder of the files.
        split: "val" or "held-out".
        n_clips: Number of clips of each scene.
        n_long: Number of clips of 24 s of each scene, for far offsets alone.
        seed: Seed of the choice of foreign audio.
    """
    rendered = render_split_files(folder, split, n_clips)
    order = np.random.default_rng(seed).permutation(len(rendered)).tolist()
    tasks = []
    for position, index in enumerate(order):
        path, scene = rendered[index]
        other, _ = rendered[order[(position + 1) % len(order)]]
        tasks.append(ClipTask(path, scene, foreign=(other,) if other != path else ()))
    tasks += [
        ClipTask(path, scene, only_far=True) for path, scene in _render_long(folder, split, n_long)
    ]
    return ClipSet(TITLES[split], tuple(tasks))


def _render_long(folder: Path, split: str, n_per_scene: int) -> list[tuple[Path, str]]:
    written = []
    for scene in split_scenes(split):
        for number in range(n_per_scene):
            path = folder / f"{split}-{scene.name}-long-{number:03d}.mp4"
            recipe = recipe_of(scene, split, _LONG_FROM_INDEX + number)
            recipe = replace(recipe, stage=replace(recipe.stage, duration_s=LONG_S))
            render_once(recipe, path)
            written.append((path, scene.name))
    return written
