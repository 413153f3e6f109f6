"""From a checkpoint to a network that is ready to answer."""

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

    It takes over the checkpoint's tensors instead of copying them, where device and type allow; the
    others can be freed by letting go of the checkpoint.

    Args:
        checkpoint: Weights of a synchronization or synchronizability model.
        device: Where the network is to run.
        dtype: Type of the towers; the synchronization module is always float32.
        compile_blocks: Let `torch.compile` translate the visual blocks, which takes a minute when
            they first run.

    Raises:
        CheckpointError: The checkpoint holds feature extractors only.
    """
    head = _HEADS.get(checkpoint.kind)
    if head is None:
        raise CheckpointError(
            f"{checkpoint.path} holds feature extractors only, which cannot tell an offset; choose"
            " a synchronization model.",
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
    """Return the towers' parameters of any kind of checkpoint, named as in `Synchformer`."""
    named = {}
    for name, tensor in weights.items():
        for stage_1, tower in STAGE_1_TOWERS.items():
            if name.startswith((stage_1, tower)):
                named[tower + name.removeprefix(stage_1).removeprefix(tower)] = tensor
    return named
