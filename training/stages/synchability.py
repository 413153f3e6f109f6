"""Stage 3: training the synchronization module to classify synchronizability.

Windows are like those of the second stage, half of them with the audio of another part of the clip.
`sync.WindowTask` trains on them.
"""

from collections.abc import Mapping
from pathlib import Path

import torch

from core.errors import CheckpointError
from core.model.synchformer.synchformer import Synchformer
from training.weights import Loaded, load_matching

_POSITIONS = "transformer.pos_emb_cfg.pos_emb"
_NEW_HEAD = "transformer.sync_head."
_OLD_HEAD = "transformer.off_head."


def start_from_sync(
    network: Synchformer, weights: Mapping[str, torch.Tensor], path: Path
) -> Loaded:
    """Load the weights of the second stage into a network for the third.

    The head is new. The table of positions keeps its first rows, as in the published training; its
    rows for audio then belong to other segments.

    Args:
        network: Network with the head "synchability".
        weights: Weights of a network with the head "sync".
        path: File of the weights, for messages.

    Raises:
        CheckpointError: The weights are of another stage or size.
    """
    n_rows = network.transformer.pos_emb_cfg.pos_emb.shape[1]
    table = weights.get(_POSITIONS)
    if table is None or not any(name.startswith(_OLD_HEAD) for name in weights):
        raise CheckpointError(
            f"{path.name} holds no synchronization model; start from the result of the second"
            " stage.",
            path=path,
        )
    if table.shape[1] < n_rows:
        raise CheckpointError(
            f"{path.name} has {table.shape[1]} positions, but {n_rows} are needed; start from the"
            " result of the second stage.",
            path=path,
        )
    kept = {name: w for name, w in weights.items() if not name.startswith(_OLD_HEAD)}
    kept[_POSITIONS] = table[:, :n_rows]
    return load_matching(network, kept, path, new=(_NEW_HEAD,))
