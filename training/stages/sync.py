"""Stage 2: training the synchronization module to classify offsets.

The towers keep their weights from the first stage. The third stage trains in the same way;
`synchability` has its differences.
"""

from collections.abc import Iterable

import torch
from torch import nn
from torch.nn import functional as F

from core.model.synchformer.dimensions import WIDTH
from core.model.synchformer.sync_transformer import Head
from core.model.synchformer.synchformer import Synchformer
from training.aliases import Metrics, Tensors
from training.loop.distributed import gather_rows
from training.loop.run_log import Show
from training.metrics.figures import Answers, accuracy, accuracy_within_one, mean_roc_auc
from training.stages.rank_share import SampledTask, own_questions


def build_learner(
    head: Head, *, width: int = WIDTH, depth: int = 12, dropout: float = 0.1
) -> Synchformer:
    """Build a network with frozen towers."""
    network = Synchformer(head=head, width=width, depth=depth, dropout=dropout)
    for tower in (network.vfeat_extractor, network.afeat_extractor):
        tower.requires_grad_(False)
    return network


class WindowTask(SampledTask):
    """Classification of windows by offset or by synchronizability."""

    def loss(self, network: nn.Module, batch: Tensors) -> tuple[torch.Tensor, Metrics]:
        """Cross-entropy, mean over the batch."""
        logits = answer(network, batch)
        return F.cross_entropy(logits, batch["label"]), {
            "accuracy": accuracy(logits.detach(), batch["label"])
        }

    def validate(self, network: nn.Module, show: Show | None = None) -> Metrics:
        """Run on all validation samples; the metrics are of all ranks together."""
        own = ask(network, self.validation_batches())
        return _summary(Answers(*map(gather_rows, (own.logits, own.targets, own.items))))


def answer(network: nn.Module, batch: Tensors) -> torch.Tensor:
    """Logits of windows of frames and spectrograms, or of their features.

    The towers get no gradients. They behave alike in training and evaluation, since they have
    neither dropout nor running statistics here.

    Args:
        network: A `Synchformer`.
        batch: video and mel as inputs of the network, or visual (B, S, 8, D) and audio
            (B, S, 6, D) as outputs of its towers, of any floating type.
    """
    network = _synchformer(network)
    if "visual" in batch:
        return network.fuse(batch["visual"].float(), batch["audio"].float())
    with torch.no_grad():
        visual, audio = network.encode_video(batch["video"]), network.encode_audio(batch["mel"])
    return network.fuse(visual, audio)


@torch.no_grad()
def ask(network: nn.Module, batches: Iterable[Tensors]) -> Answers:
    """Run a network on batches; collect the answers for usable clips on the CPU."""
    network.eval()
    device = next(network.parameters()).device
    parts = [Answers(torch.zeros(0, _n_classes_of(network)), *(2 * [torch.zeros(0).long()]))]
    for batch in own_questions(batches):
        on_device = {name: value.to(device) for name, value in batch.items()}
        logits = answer(network, on_device).float().cpu()
        parts.append(Answers(logits, batch["label"].cpu(), batch["item"].cpu()))
    return Answers.pooled(parts)


def _n_classes_of(network: nn.Module) -> int:
    """Number of classes of a network's head."""
    fusion = _synchformer(network).transformer
    head = fusion.off_head if fusion.head == "sync" else fusion.sync_head
    return int(head.out_features)


def _synchformer(network: nn.Module) -> Synchformer:
    if not isinstance(network, Synchformer):
        raise TypeError(f"expected Synchformer, got {type(network).__name__}")
    return network


def _summary(answers: Answers) -> Metrics:
    logits, targets = answers.logits, answers.targets
    found = {
        "loss": float(F.cross_entropy(logits, targets)),
        "accuracy": accuracy(logits, targets),
    }
    if logits.shape[1] == 2:
        return found | {"auc": mean_roc_auc(logits, targets)}
    return found | {"within_one": accuracy_within_one(logits, targets)}
