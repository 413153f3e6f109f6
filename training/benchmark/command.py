"""`benchmark`: measure engines and baselines on clips known to be in sync."""

import functools
import multiprocessing
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from core.detection.engines.lag import LagEngine
from core.detection.engines.open import EngineChoice, open_engine
from core.errors import DetectionError, ExportError, MediaError
from core.model.builtin.file import read_builtin
from core.paths import builtin_weights
from core.progress import Progress
from core.workflow.folder import find_clips
from training.benchmark.estimators import (
    EngineEstimator,
    Estimator,
    VariantsEstimator,
    use_one_thread,
)
from training.benchmark.report import SetResult, to_markdown, write_json, write_text
from training.benchmark.trials import FAR_LEAST_S, ClipTask, Outcome, run_clip
from training.data.synthetic.cache import render_split_files
from training.data.synthetic.recipe import recipe_of, split_scenes
from training.data.synthetic.render import render_once
from training.terminal import TerminalMonitor

VARIANTS = "variants"

NETWORK = "network"

ENGINES = ("builtin", NETWORK, "classical", VARIANTS)


FolderOption = Annotated[
    list[Path] | None,
    typer.Option("--folder", metavar="DIR", help="Folder of clips in sync; repeatable."),
]

GeneratedOption = Annotated[
    int,
    typer.Option("--generated", metavar="N", min=0, help="Clips of each trained event type."),
]

HeldOutOption = Annotated[
    int, typer.Option("--held-out", metavar="N", min=0, help="Clips of each held-out event type.")
]

LongOption = Annotated[
    int,
    typer.Option(
        "--long", metavar="N", min=0, help="More clips of each type, 24 s long, for ±7.5 s."
    ),
]

AllClassesOption = Annotated[
    bool,
    typer.Option("--all-classes", help="For folders: all 21 classes and ten offsets between them."),
]

EngineOption = Annotated[
    list[str] | None,
    typer.Option(
        "--engine",
        metavar="|".join((*ENGINES, "ID", "PATH")),
        help=f"Engine to measure; repeatable. Default: {', '.join(ENGINES)}.",
    ),
]

JsonOption = Annotated[
    Path | None, typer.Option("--json", metavar="OUT", help="Write figures and answers as JSON.")
]

MarkdownOption = Annotated[
    Path | None, typer.Option("--markdown", metavar="OUT", help="Write the tables as Markdown.")
]

CacheOption = Annotated[
    Path | None, typer.Option("--cache", metavar="DIR", help="Keep generated clips here.")
]

SeedOption = Annotated[int, typer.Option("--seed", min=0, help="Seed of the offsets.")]

WorkersOption = Annotated[
    int, typer.Option("--workers", metavar="N", min=1, max=2, help="Number of processes.")
]

TITLES = {
    "val": "Generated clips of trained event types",
    "held-out": "Generated clips of event types never trained on",
}

LONG_S = FAR_LEAST_S + 4
"""Length of the clips for far offsets."""

_MOST_FOREIGN = 4
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


_Result = tuple[tuple[Outcome, ...], str]
"""Answers of a clip; reason why it is unusable, as one sentence, else empty."""


def benchmark(
    folders: FolderOption = None,
    n_generated: GeneratedOption = 8,
    n_held_out: HeldOutOption = 8,
    n_long: LongOption = 1,
    all_classes: AllClassesOption = False,
    engines: EngineOption = None,
    json_target: JsonOption = None,
    markdown_target: MarkdownOption = None,
    cache: CacheOption = None,
    seed: SeedOption = 0,
    n_workers: WorkersOption = 1,
) -> None:
    """Measure how well engines find known shifts of the audio of synchronous clips."""
    names = tuple(dict.fromkeys(engines or ENGINES))
    # Report wrong names and targets before minutes of rendering and measuring.
    open_estimators(names)
    for target in (json_target, markdown_target):
        if target is not None and not target.absolute().parent.is_dir():
            raise typer.BadParameter(f"there is no folder {target.parent} to write into")
    counts = {"val": n_generated, "held-out": n_held_out}
    with _kept_or_temporary(cache) as place:
        sets = [folder_set(folder, all_classes=all_classes) for folder in folders or ()]
        for split, n_clips in counts.items():
            if n_clips:
                typer.echo(f"Rendering clips: {split}", err=True)
                sets.append(generated_set(place, split, n_clips, n_long, seed))
        results = measure(sets, names, seed, n_workers)
    recipe: dict[str, str | int | bool] = {
        "seed": seed,
        "generated": n_generated,
        "held-out": n_held_out,
        "long": n_long,
        "all-classes": all_classes,
    }
    tables = to_markdown(results, recipe)
    typer.echo(tables)
    if json_target is not None:
        write_json(json_target, results, recipe)
    if markdown_target is not None:
        write_text(markdown_target, tables)


def measure(
    sets: Sequence[ClipSet], names: tuple[str, ...], seed: int, n_workers: int
) -> tuple[SetResult, ...]:
    """Run all trials of all clips; the answers do not depend on the number of workers.

    Args:
        sets: Sets of clips.
        names: Names for `open_estimators`.
        seed: Seed of the offsets.
        n_workers: Number of processes.

    Raises:
        DetectionError: No clip is usable.
    """
    tasks = [task for clip_set in sets for task in clip_set.tasks]
    results = _run_all(tasks, names, seed, n_workers)
    estimators = tuple(name for e in open_estimators(names) for name in e.names)
    found = []
    for clip_set in sets:
        of_set = [next(results) for _ in clip_set.tasks]
        found.append(
            SetResult(
                name=clip_set.name,
                estimators=estimators,
                outcomes=tuple(outcome for outcomes, _ in of_set for outcome in outcomes),
                left_out=tuple(error for _, error in of_set if error),
            )
        )
    if not any(result.outcomes for result in found):
        reasons = [sentence for result in found for sentence in result.left_out]
        raise DetectionError(
            f"No clip could be used: {reasons[0]}"
            if reasons
            else "There is no clip to measure; use one of --folder, --generated, --held-out."
        )
    return tuple(found)


@functools.cache
def open_estimators(names: tuple[str, ...]) -> tuple[Estimator, ...]:
    """Load the estimators, once in each process.

    Args:
        names: "variants" for all simple classical variants, "network" for the built-in network
            without the second opinion, else a value of `EngineChoice.model`.

    Raises:
        CheckpointError: The model is unknown, its file is damaged, or it has no offsets.
    """
    return tuple(VariantsEstimator() if name == VARIANTS else _engine(name) for name in names)


def _engine(name: str) -> EngineEstimator:
    if name == NETWORK:
        model = read_builtin(builtin_weights())
        alone = replace(model, calibration=replace(model.calibration, confidence=()))
        return EngineEstimator("built-in network alone", LagEngine(alone))
    engine = open_engine(EngineChoice(model=name))
    path = Path(name)
    # Files of several trainings bear the same name in different folders.
    label = "/".join(path.parts[-2:]) if path.is_file() else engine.name
    return EngineEstimator(label, engine)


def _run_all(
    tasks: Sequence[ClipTask], names: tuple[str, ...], seed: int, n_workers: int
) -> Iterator[_Result]:
    """Run all tasks, with progress on the terminal; results keep the order of the tasks."""
    with TerminalMonitor() as monitor:
        if n_workers == 1:
            results = []
            for task in tasks:
                results.append(_run_one(task, names, seed))
                monitor.report(Progress("Measuring clips", len(results) / len(tasks)))
            return iter(results)
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(n_workers, context, initializer=use_one_thread) as pool:
            futures = [pool.submit(_run_one, task, names, seed) for task in tasks]
            try:
                for n_done, _ in enumerate(as_completed(futures), 1):
                    monitor.report(Progress("Measuring clips", n_done / len(tasks)))
            finally:
                pool.shutdown(cancel_futures=True)
            return iter([future.result() for future in futures])


def _run_one(task: ClipTask, names: tuple[str, ...], seed: int) -> _Result:
    try:
        return run_clip(task, open_estimators(names), seed), ""
    except (MediaError, DetectionError) as error:
        return (), error.message


@contextmanager
def _kept_or_temporary(folder: Path | None) -> Iterator[Path]:
    if folder is not None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ExportError(
                f"{folder} cannot be made ({error.strerror}); choose another place for clips.",
                path=folder,
            ) from error
        yield folder
    else:
        with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
            yield Path(name)


def folder_set(folder: Path, *, all_classes: bool) -> ClipSet:
    """List the clips of a folder, each with the audio of the next ones as foreign audio.

    Args:
        folder: Folder of clips known to be in sync.
        all_classes: Ask for all 21 classes and ten free offsets instead of one each.

    Raises:
        MediaError: The folder cannot be read or holds no clip.
    """
    paths = find_clips(folder, recursive=False)
    n_foreign = min(len(paths) - 1, _MOST_FOREIGN)
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
