"""Stage 3: the synchronization module learns whether there is an offset to be found at all.

It learns from windows like those of the second stage, half of them with the sound of another part
of the clip; `sync.WindowTask` does the learning.
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
    """Give a network for the third stage the weights of the second.

    The head is new. Of the table of positions the first rows are kept, as the published training
    did: they are no longer those of the same segments for the sound.

    Args:
        network: With the head "synchability".
        weights: Of a network with the head "sync".
        path: Where they come from, for the message.

    Raises:
        CheckpointError: The weights are not those of the second stage, or of another size.
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
            f"{path.name} knows {table.shape[1]} positions where {n_rows} are needed; start from"
            " the result of the second stage.",
            path=path,
        )
    kept = {name: w for name, w in weights.items() if not name.startswith(_OLD_HEAD)}
    kept[_POSITIONS] = table[:, :n_rows]
    return load_matching(network, kept, path, new=(_NEW_HEAD,))
