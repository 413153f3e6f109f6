"""The run of an evaluation: from a checkpoint and a configuration to figures."""

from dataclasses import dataclass, replace
from pathlib import Path

from core.errors import CheckpointError
from core.model.config import WINDOW_SEGMENTS
from core.model.device import choose_device
from core.model.synchformer import Synchformer
from core.progress import Monitor
from training.config import RunConfig
from training.data.recipe import SampleRecipe
from training.data.samples import Samples, SynchabilitySamples, SyncSamples
from training.data.sets.data_set import DataSet
from training.data.sets.opening import open_data_set
from training.evaluation.asking import ask_both, ask_samples
from training.evaluation.figures import (
    Answers,
    ThresholdFigures,
    confusion,
    figures_of,
    sweep_thresholds,
)
from training.evaluation.plots import save_confusion, save_reliability
from training.evaluation.report import Evaluation, write_json
from training.weights import network_of, read_weights

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
    """Ask a network about the clips of a data set; the folder gets `evaluation.json` and pictures.

    Args:
        config: Says which clips, how windows are cut, how many at once, and the seed.
        question: What to evaluate.
        folder: Made if missing.
        monitor: Told how far it is, and asked after each batch whether to go on.

    Raises:
        SyncError: A checkpoint or the clips cannot be used.
        Cancelled: The monitor asked to stop.
    """
    network = _network(question.checkpoint, question)
    other = None
    if question.synchability is not None:
        other = _network(question.synchability, question)
        _require_heads(network, other, question)
    data_set = open_data_set(config.data.kind, question.split, config.data)
    recipe = config.samples
    if question.n_passes:
        # Every pass has offsets of its own, which fixed ones would not be.
        fixed = recipe.use_fixed_offsets and question.n_passes == 1
        recipe = replace(recipe, n_passes=question.n_passes, use_fixed_offsets=fixed)
    size, n_workers = config.loop.batch_size, question.n_workers
    samples = _samples(network, data_set, recipe, config.loop.seed)
    answers = ask_samples(network, samples, size, n_workers, monitor)
    notes = list(data_set.notes)
    if n_left_out := len(samples) - len(answers.logits):
        count = "1 window is" if n_left_out == 1 else f"{n_left_out} windows are"
        notes.append(f"{count} left out, since the clip cannot be used.")
    thresholds: tuple[ThresholdFigures, ...] = ()
    if other is not None:
        windows = SynchabilitySamples(
            data_set, recipe, config.loop.seed, for_test=True, n_segments=WINDOW_SEGMENTS
        )
        both = ask_both(network, other, windows, size, n_workers, monitor)
        thresholds = sweep_thresholds(*both)
    evaluation = Evaluation(
        network=network.transformer.head,
        checkpoint=str(question.checkpoint),
        data=data_set.name,
        n_passes=recipe.n_passes,
        figures=figures_of(answers),
        thresholds=thresholds,
        notes=tuple(notes),
    )
    _write(evaluation, answers, folder)
    return evaluation


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


def _samples(network: Synchformer, data_set: DataSet, recipe: SampleRecipe, seed: int) -> Samples:
    if network.transformer.head == "sync":
        return SyncSamples(data_set, recipe, seed, for_test=True)
    return SynchabilitySamples(data_set, recipe, seed, for_test=True)


def _write(evaluation: Evaluation, answers: Answers, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_json(evaluation, folder / RESULT)
    save_reliability(evaluation.figures.calibration, folder / "reliability.png")
    save_confusion(confusion(answers), folder / "confusion.png")
