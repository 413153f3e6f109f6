"""Building a network from a checkpoint."""

from collections.abc import Mapping

import torch

from core.errors import CheckpointError
from core.model.checkpoints.checkpoint import Checkpoint
from core.model.checkpoints.kind import STAGE_1_TOWERS, CheckpointKind
from core.model.synchformer.sync_transformer import Head
from core.model.synchformer.synchformer import Synchformer

_HEADS: dict[CheckpointKind, Head] = {
    CheckpointKind.SYNC: "sync",
    CheckpointKind.SYNCHABILITY: "synchability",
}


def build_synchformer(
    checkpoint: Checkpoint,
    *,
    device: torch.device,
    dtype: torch.dtype,
    compile_blocks: bool = False,
) -> Synchformer:
    """Build a network in evaluation mode.

    The network shares the tensors of the checkpoint where device and type allow. The others are
    freed with the checkpoint.

    Args:
        checkpoint: Weights of a synchronization or synchronizability model.
        device: Device of the network.
        dtype: Type of the towers; the synchronization module is always float32.
        compile_blocks: Compile the visual blocks with `torch.compile`. Their first run then takes a
            minute.

    Raises:
        CheckpointError: The checkpoint holds feature extractors only.
    """
    head = _HEADS.get(checkpoint.kind)
    if head is None:
        raise CheckpointError(
            f"{checkpoint.path} holds feature extractors only and cannot detect an offset;"
            " choose a synchronization model.",
            path=checkpoint.path,
        )
    # On "meta" nothing is allocated or initialised before the weights take their places.
    with torch.device("meta"):
        model = Synchformer(head=head)
    model.load_state_dict(checkpoint.weights, strict=True, assign=True)
    model.eval().requires_grad_(False)
    for tower in (model.vfeat_extractor, model.afeat_extractor):
        tower.to(device=device, dtype=dtype)
    for part in (model.vproj, model.aproj, model.transformer):
        part.to(device=device, dtype=torch.float32)
    if compile_blocks:
        for block in model.vfeat_extractor.blocks:
            block.compile()
    return model


def tower_weights(weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Parameters of both towers from any kind of checkpoint, named as in `Synchformer`."""
    named = {}
    for name, tensor in weights.items():
        for stage_1, tower in STAGE_1_TOWERS.items():
            if name.startswith((stage_1, tower)):
                named[tower + name.removeprefix(stage_1).removeprefix(tower)] = tensor
    return named
