"""The command `evaluate`: from a checkpoint and a configuration to figures."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from rich.console import Console

from core.errors import CheckpointError
from core.model.device import choose_device
from core.model.synchformer.dimensions import SYNC_SEGMENTS, WINDOW_SEGMENTS
from core.model.synchformer.offset_classes import class_of
from core.model.synchformer.synchformer import Synchformer
from core.progress import Monitor, Progress
from core.timing import VIDEO_FPS
from training.aliases import Tensors
from training.config import ConfigError, RunConfig, read_config, save_config
from training.data.samples import (
    Samples,
    SharedWindowSamples,
    SynchabilitySamples,
    SyncSamples,
    loader,
)
from training.data.sets.data_set import DataSet, DataSetError, Item
from training.data.sets.opening import open_data_set
from training.data.window_positions import Cut, synchability_frames
from training.evaluation.report import Evaluation, tables, write_json
from training.loop.checkpoints import LATEST
from training.metrics.figures import (
    Answers,
    confusion,
    figures_of,
    sweep_thresholds,
)
from training.metrics.plots import save_confusion, save_reliability
from training.options import (
    DeviceOption,
    OutOption,
    OverridesArgument,
    PresetOption,
    WorkersOption,
)
from training.stages.rank_share import Share, own_questions
from training.stages.sync import answer, ask
from training.terminal import TerminalMonitor
from training.weights import network_of, read_weights, size_of

RESULT = "evaluation.json"

_LEAST_FRAMES = synchability_frames(WINDOW_SEGMENTS)

LEAST_S = _LEAST_FRAMES / VIDEO_FPS
"""Shortest clip with a window of 14 segments and audio of another time beside it."""


def evaluate(
    checkpoint: Annotated[
        Path, typer.Argument(metavar="CHECKPOINT", help="A result of the second or third stage.")
    ],
    preset: PresetOption,
    out: OutOption,
    overrides: OverridesArgument = None,
    split: Annotated[
        str, typer.Option("--split", help="Split of the data set: train, valid or test.")
    ] = "test",
    n_passes: Annotated[
        int,
        typer.Option(
            "--iter-times",
            metavar="N",
            min=0,
            help="Number of passes over the clips, pooled; 0 for samples.n_passes.",
        ),
    ] = 0,
    synchability: Annotated[
        Path | None,
        typer.Option(
            "--synchability",
            metavar="FILE",
            help="A result of the third stage, for accuracies on clips with a findable offset.",
        ),
    ] = None,
    device: DeviceOption = "auto",
    n_workers: WorkersOption = 0,
) -> None:
    """Measure a network on the clips of a data set."""
    config = read_config(preset, overrides or [])
    question = Question(checkpoint, split, n_passes, synchability, device, n_workers)
    with TerminalMonitor() as monitor:
        evaluation = evaluate_checkpoint(config, question, out, monitor)
    Console().print(tables(evaluation))
    typer.echo(f"Written: {out / RESULT}")


@dataclass(frozen=True, slots=True)
class Question:
    """Options of an evaluation.

    Attributes:
        checkpoint: Network of stage 2 or 3.
        split: Split of the data set: "train", "valid" or "test".
        n_passes: Number of passes over the clips; 0 for the number in the recipe.
        synchability: Network of stage 3 to classify the same windows; None for none.
        device: Device of the networks, one of `core.model.device.DEVICES`.
        n_workers: Processes for making samples; 0 for this process.
    """

    checkpoint: Path
    split: str = "test"
    n_passes: int = 0
    synchability: Path | None = None
    device: str = "cpu"
    n_workers: int = 0


class MeasuredSamples(SyncSamples):
    """Windows with the additional entry n_frames () int64, the length of the clip."""

    _n_frames = 0

    def __getitem__(self, position: int) -> Tensors:
        """Make the sample of a position; see `SyncSamples`."""
        sample = super().__getitem__(position)
        return sample | {"n_frames": torch.tensor(self._n_frames)}

    def _cut(self, rng: np.random.Generator, item: Item, n_frames: int) -> Cut:
        # After unusable clips, the last cut is the one of the sample.
        self._n_frames = n_frames
        return super()._cut(rng, item, n_frames)


def evaluate_checkpoint(
    config: RunConfig, question: Question, folder: Path, monitor: Monitor
) -> Evaluation:
    """Evaluate a network on the clips of a data set.

    Writes the configuration, `evaluation.json` and figures into the folder. The results of a
    synchronizability network are added to `evaluation.json` at the end.

    Args:
        config: Clips, windows, batch size and seed. The sizes of the network come from the
            checkpoint and replace those of the saved configuration.
        question: Options of the evaluation.
        folder: Created if missing.
        monitor: Gets the progress; may cancel after each batch.

    Raises:
        SyncError: A checkpoint, the clips or the folder cannot be used.
        Cancelled: The monitor asked to stop.
    """
    network = _network(question.checkpoint, question)
    other = None
    if question.synchability is not None:
        other = _network(question.synchability, question)
        _require_heads(network, other, question)
    data_set = open_data_set(config.data.kind, question.split, config.data)
    if question.n_passes:
        config = replace(config, samples=replace(config.samples, n_passes=question.n_passes))
    _save_config(config, network, folder)
    samples = _samples(network, data_set, config, is_measured=other is not None)
    batches = asked_batches(
        "Evaluating", samples, config.loop.batch_size, question.n_workers, monitor
    )
    long_clips = set[int]()
    answers = ask(network, batches if other is None else _noting_long(batches, long_clips))
    evaluation = _evaluated(network, answers, data_set, config, question)
    _write(evaluation, answers, folder)
    if other is not None:
        networks = (network, other)
        evaluation = _with_thresholds(
            evaluation, networks, data_set, long_clips, config, question, monitor
        )
        write_json(evaluation, folder / RESULT)
    return evaluation


def _evaluated(
    network: Synchformer,
    answers: Answers,
    data_set: DataSet,
    config: RunConfig,
    question: Question,
) -> Evaluation:
    n_asked = len(data_set.items) * config.samples.n_passes
    if not len(answers.targets):
        raise DataSetError(f"No clip of {data_set.name} can be used; see the warnings.")
    head = network.transformer.head
    on_windows = data_set.window_notes if head == "sync" else ()
    tables = data_set.fixed if head == "sync" and config.samples.is_by_table else {}
    n_given = sum(data_set.items[number].key in tables for number in answers.items.tolist())
    return Evaluation(
        network=head,
        checkpoint=str(question.checkpoint),
        data=data_set.name,
        n_passes=config.samples.n_passes,
        n_given=n_given,
        n_drawn=len(answers.targets) - n_given,
        figures=figures_of(answers),
        synchability="" if question.synchability is None else str(question.synchability),
        notes=(*data_set.notes, *on_windows, *_on_left_out(n_asked - len(answers.targets))),
    )


def _with_thresholds(
    evaluation: Evaluation,
    networks: tuple[Synchformer, Synchformer],
    data_set: DataSet,
    long_clips: set[int],
    config: RunConfig,
    question: Question,
    monitor: Monitor,
) -> Evaluation:
    """Add the accuracies on clips with a findable offset, measured on the long clips."""
    n_items, n_clips = len(data_set.items), len(long_clips)
    notes = list(evaluation.notes)
    if n_clips < n_items:
        notes.append(
            f"The thresholds are measured on {n_clips} of {n_items} clips; the others have less"
            f" than the necessary {LEAST_S:g} s."
        )
    if not n_clips:
        return replace(evaluation, notes=tuple(notes))
    clips = replace(data_set, items=tuple(data_set.items[k] for k in sorted(long_clips)))
    windows = SharedWindowSamples(clips, config.samples, config.loop.seed, for_test=True)
    answers = ask_both(*networks, windows, config.loop.batch_size, question.n_workers, monitor)
    notes += _on_left_out(len(windows) - len(answers[0].targets))
    return replace(evaluation, thresholds=sweep_thresholds(*answers), notes=tuple(notes))


def _on_left_out(n_windows: int) -> list[str]:
    if not n_windows:
        return []
    count = "1 window is" if n_windows == 1 else f"{n_windows} windows are"
    return [f"{count} left out because the clip cannot be used."]


def _save_config(config: RunConfig, network: Synchformer, folder: Path) -> None:
    """Save the configuration, with the network size of the checkpoint.

    Raises:
        ConfigError: The folder belongs to a training run, or cannot be written to.
    """
    if (folder / LATEST).exists():
        raise ConfigError(
            f"{folder} holds a training run and its configuration; choose another folder with"
            " --out.",
            path=folder,
        )
    size = size_of(network.state_dict())
    model = replace(config.model, width=size.width, depth=size.depth)
    save_config(replace(config, model=model), folder)


def _network(path: Path, question: Question) -> Synchformer:
    weights = read_weights(path)
    if not any(name.startswith("transformer.") for name in weights):
        raise CheckpointError(
            f"{path.name} holds towers only and has nothing to evaluate; choose a result of the"
            " second or third stage.",
            path=path,
        )
    return network_of(weights, path).to(choose_device(question.device))


def _require_heads(offsets: Synchformer, synchability: Synchformer, question: Question) -> None:
    for network, head, path in (
        (offsets, "sync", question.checkpoint),
        (synchability, "synchability", question.synchability),
    ):
        if network.transformer.head != head:
            raise CheckpointError(
                f"{path} is of another stage; use a checkpoint of the second stage, and one of the"
                " third stage with --synchability.",
                path=path,
            )


def _samples(
    network: Synchformer, data_set: DataSet, config: RunConfig, *, is_measured: bool
) -> Samples:
    recipe, seed = config.samples, config.loop.seed
    if network.transformer.head == "synchability":
        return SynchabilitySamples(data_set, recipe, seed, for_test=True)
    make = MeasuredSamples if is_measured else SyncSamples
    return make(data_set, recipe, seed, for_test=True)


def _write(evaluation: Evaluation, answers: Answers, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_json(evaluation, folder / RESULT)
    save_reliability(evaluation.figures.calibration, folder / "reliability.png")
    save_confusion(confusion(answers), folder / "confusion.png")


@torch.no_grad()
def ask_both(
    offsets: Synchformer,
    synchability: Synchformer,
    samples: Samples,
    batch_size: int,
    n_workers: int,
    monitor: Monitor,
) -> tuple[Answers, Answers]:
    """Run an offset network and a synchronizability network on the same windows.

    Args:
        offsets: Offset network; sees all 14 segments of each window.
        synchability: Synchronizability network; sees the first 13 segments.
        samples: Windows with synchronizability as label.
        batch_size: Windows per batch.
        n_workers: Processes for making samples; 0 for this process.
        monitor: Gets the progress; may cancel after each batch.

    Returns:
        Answers of both networks for usable clips, in the same order. The target of an offset
        outside the classes is the nearest class.

    Raises:
        DataSetError: No clip can be used.
    """
    offsets.eval()
    synchability.eval()
    device = next(offsets.parameters()).device
    found: list[tuple[Answers, Answers]] = []
    batches = asked_batches("Evaluating both networks", samples, batch_size, n_workers, monitor)
    for batch in own_questions(batches):
        on_device = {name: value.to(device) for name, value in batch.items()}
        fewer = {
            name: value[:, :SYNC_SEGMENTS] if name in {"video", "mel", "visual", "audio"} else value
            for name, value in on_device.items()
        }
        classes = torch.tensor([class_of(float(offset_s)) for offset_s in batch["offset_s"]])
        found.append(
            (
                Answers(answer(offsets, on_device).float().cpu(), classes, batch["item"]),
                Answers(answer(synchability, fewer).float().cpu(), batch["label"], batch["item"]),
            )
        )
    if not found:
        raise DataSetError("No clip can be used; see the warnings.")
    first, second = zip(*found, strict=True)
    return Answers.pooled(first), Answers.pooled(second)


def asked_batches(
    stage: str, samples: Samples, batch_size: int, n_workers: int, monitor: Monitor
) -> Iterator[Tensors]:
    """Yield the batches of an evaluation.

    Args:
        stage: Name of the progress.
        samples: Samples of the evaluation.
        batch_size: Windows per batch.
        n_workers: Processes for making samples; 0 for this process.
        monitor: Gets the progress; may cancel after each batch.
    """
    n_asked = 0
    positions = Share(batch_size).questions(len(samples))
    for batch in loader(samples, positions, n_workers):
        monitor.check()
        yield batch
        n_asked += len(batch["label"])
        monitor.report(Progress(stage, n_asked / len(samples)))


def _noting_long(batches: Iterable[Tensors], numbers: set[int]) -> Iterator[Tensors]:
    """Pass on batches of `MeasuredSamples`; add the clips long enough for both networks."""
    for batch in batches:
        numbers.update(batch["item"][batch["n_frames"] >= _LEAST_FRAMES].tolist())
        yield batch
