"""Running one network, or two on the same windows, over the samples of an evaluation."""

from collections.abc import Callable, Iterator

import torch

from core.model.synchformer.dimensions import SYNC_SEGMENTS
from core.model.synchformer.offset_classes import class_of
from core.model.synchformer.synchformer import Synchformer
from core.progress import Monitor, Progress
from training.data.samples import Samples, loader
from training.data.sets.data_set import DataSetError
from training.data.types import Tensors
from training.metrics.figures import Answers
from training.stages.rank_share import Share, own_questions
from training.stages.sync import answer, ask


def ask_samples(
    network: Synchformer,
    samples: Samples,
    batch_size: int,
    n_workers: int,
    monitor: Monitor,
    watch: Callable[[Tensors], None] | None = None,
) -> Answers:
    """Run a network of either head on all samples.

    Args:
        network: The network.
        samples: Samples of the evaluation.
        batch_size: Windows per batch.
        n_workers: Processes for making samples; 0 for this process.
        monitor: Gets the progress; may cancel after each batch.
        watch: Called with every batch before the network runs, replacements of unusable clips
            included.
    """
    return ask(network, _batches("Evaluating", samples, batch_size, n_workers, monitor, watch))


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
    batches = _batches("Evaluating both networks", samples, batch_size, n_workers, monitor)
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


def _batches(
    stage: str,
    samples: Samples,
    batch_size: int,
    n_workers: int,
    monitor: Monitor,
    watch: Callable[[Tensors], None] | None = None,
) -> Iterator[Tensors]:
    n_asked = 0
    positions = Share(batch_size).questions(len(samples))
    for batch in loader(samples, positions, n_workers):
        monitor.check()
        if watch is not None:
            watch(batch)
        yield batch
        n_asked += len(batch["label"])
        monitor.report(Progress(stage, n_asked / len(samples)))
