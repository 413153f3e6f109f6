"""The run of an evaluation: from a checkpoint and a configuration to figures."""

from dataclasses import dataclass, replace
from pathlib import Path

from core.errors import CheckpointError
from core.model.device import choose_device
from core.model.synchformer.dimensions import WINDOW_SEGMENTS
from core.model.synchformer.synchformer import Synchformer
from core.progress import Monitor
from training.config import RunConfig, save_config
from training.config_values import ConfigError
from training.data.samples import Samples, SynchabilitySamples, SyncSamples
from training.data.sets.data_set import DataSet, DataSetError
from training.data.sets.opening import open_data_set
from training.evaluation.predict import ask_both, ask_samples
from training.evaluation.report import Evaluation, write_json
from training.evaluation.trust import LEAST_S, LongClips, MeasuredSamples
from training.loop.checkpoints import LATEST
from training.metrics.figures import (
    Answers,
    confusion,
    figures_of,
    sweep_thresholds,
)
from training.metrics.plots import save_confusion, save_reliability
from training.weights import network_of, read_weights, size_of

RESULT = "evaluation.json"


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be evaluated, and how.

    Attributes:
        checkpoint: A network of stage 2 or 3.
        split: Which clips: "train", "valid" or "test".
        n_passes: How often to go through them; 0 leaves it to the recipe.
        synchability: A network of stage 3 that judges the same windows; None for none.
        device: Where the networks run, one of `core.model.device.DEVICES`.
        n_workers: Processes that make samples; 0 makes them here.
    """

    checkpoint: Path
    split: str = "test"
    n_passes: int = 0
    synchability: Path | None = None
    device: str = "cpu"
    n_workers: int = 0


def evaluate_checkpoint(
    config: RunConfig, question: Question, folder: Path, monitor: Monitor
) -> Evaluation:
    """Ask a network about the clips of a data set.

    The folder gets the configuration, `evaluation.json` and pictures. What another network says
    about the clips comes into the file when all the rest is in it.

    Args:
        config: Says which clips, how windows are cut, how many at once, and the seed. The sizes of
            the network are those of the checkpoint, and are saved so.
        question: What to evaluate.
        folder: Made if missing.
        monitor: Told how far it is, and asked after each batch whether to go on.

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
    long_clips = LongClips()
    samples = _samples(network, data_set, config, is_measured=other is not None)
    answers = ask_samples(
        network,
        samples,
        config.loop.batch_size,
        question.n_workers,
        monitor,
        None if other is None else long_clips.watch,
    )
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
        raise DataSetError(f"No clip of {data_set.name} can be used; the warnings say why.")
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
        judge="" if question.synchability is None else str(question.synchability),
        notes=(*data_set.notes, *on_windows, *_on_left_out(n_asked - len(answers.targets))),
    )


def _with_thresholds(
    evaluation: Evaluation,
    networks: tuple[Synchformer, Synchformer],
    data_set: DataSet,
    long_clips: LongClips,
    config: RunConfig,
    question: Question,
    monitor: Monitor,
) -> Evaluation:
    """Add what comes of trusting a network only where the other one does, if clips allow it."""
    clips = long_clips.of(data_set)
    n_items, n_clips = len(data_set.items), 0 if clips is None else len(clips.items)
    notes = list(evaluation.notes)
    if n_clips < n_items:
        notes.append(
            f"Where to trust the network is told by {n_clips} of {n_items} clips; of the others"
            f" less than the {LEAST_S:g} s that it takes can be used."
        )
    if clips is None:
        return replace(evaluation, notes=tuple(notes))
    windows = SynchabilitySamples(
        clips, config.samples, config.loop.seed, for_test=True, n_segments=WINDOW_SEGMENTS
    )
    answers = ask_both(*networks, windows, config.loop.batch_size, question.n_workers, monitor)
    notes += _on_left_out(len(windows) - len(answers[0].targets))
    return replace(evaluation, thresholds=sweep_thresholds(*answers), notes=tuple(notes))


def _on_left_out(n_windows: int) -> list[str]:
    if not n_windows:
        return []
    count = "1 window is" if n_windows == 1 else f"{n_windows} windows are"
    return [f"{count} left out, since the clip cannot be used."]


def _save_config(config: RunConfig, network: Synchformer, folder: Path) -> None:
    """Save what was asked of which network: its size is that of the checkpoint, not the preset's.

    Raises:
        ConfigError: The folder belongs to a training run, or cannot be written to.
    """
    if (folder / LATEST).exists():
        raise ConfigError(
            f"{folder} holds a training run with a configuration of its own; choose another folder"
            " with --out.",
            path=folder,
        )
    size = size_of(network.state_dict())
    model = replace(config.model, width=size.width, depth=size.depth)
    save_config(replace(config, model=model), folder)


def _network(path: Path, question: Question) -> Synchformer:
    weights = read_weights(path)
    if not any(name.startswith("transformer.") for name in weights):
        raise CheckpointError(
            f"{path.name} holds towers only, which have no answer to evaluate; choose a result of"
            " the second or third stage.",
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
                f"{path} answers another question; the checkpoint is to be of the second stage and"
                " --synchability of the third.",
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
