"""Towers that do not start from nothing: public weights for what each of them was before.

The audio tower was an AudioSet classifier (AST, Gong et al., 2021, in its Hugging Face port), the
visual one a classifier of actions (Motionformer with divided attention, Patrick et al., 2021). What
they have no part for, the aggregators and the temperature, stays as it is initialised.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from core.errors import CheckpointError
from core.model.checkpoints.build import tower_weights
from core.model.checkpoints.kind import STAGE_1_TOWERS
from training.weights import N_LISTED, Loaded, load_matching, plain_tensors, read_contents

MOTIONFORMER_AT = "https://dl.fbaipublicfiles.com/motionformer/ssv2_divided_224_16x4.pyth"
"""Where the authors keep the weights for the visual tower; no hash is published."""

AST_AT = "https://huggingface.co/MIT/ast-finetuned-audioset-10-10-0.4593"
"""Where the weights for the audio tower are kept; its `model.safetensors` is the file to get."""

_AST_PREFIX = "audio_spectrogram_transformer."
_POSITIONS = "ast.embeddings.position_embeddings"


def start_visual_tower(tower: nn.Module, path: Path) -> Loaded:
    """Give a visual tower the weights of Motionformer.

    Args:
        tower: A `core.model.synchformer.visual_tower.VisualTower`.
        path: The published `.pyth`, whose weights lie under `model_state`.

    Raises:
        CheckpointError: The file cannot be read, or is not of a network with divided attention.
    """
    contents = read_contents(path)
    weights = plain_tensors(contents.get("model_state", contents))
    if not any(".timeattn." in name for name in weights):
        raise CheckpointError(
            f"{path.name} does not hold Motionformer with divided attention; get"
            f" {MOTIONFORMER_AT}.",
            path=path,
            details=f"found {', '.join(list(weights)[:N_LISTED]) or 'no tensors'}",
        )
    return load_matching(tower, weights, path, new=("spatial_attn_agg.",))


def start_audio_tower(tower: nn.Module, path: Path) -> Loaded:
    """Give an audio tower the weights of AST.

    Of the table of positions, which was made for ten seconds, the first entries are taken: those
    of the two special tokens and of the first patches in its order, all of the lowest band. So did
    the published training; the positions of the other bands are learned anew from there.

    Args:
        tower: A `core.model.synchformer.audio_tower.AudioTower`.
        path: A `.safetensors` or `.bin` file of the Hugging Face port.

    Raises:
        CheckpointError: The file cannot be read or is not of AST.
    """
    found = plain_tensors(read_contents(path))
    weights = {
        "ast." + name.removeprefix(_AST_PREFIX): weight
        for name, weight in found.items()
        if name.startswith(_AST_PREFIX)
    }
    if _POSITIONS not in weights:
        raise CheckpointError(
            f"{path.name} does not hold the audio spectrogram transformer; get model.safetensors"
            f" from {AST_AT}.",
            path=path,
            details=f"found {', '.join(list(found)[:N_LISTED]) or 'no tensors'}",
        )
    n_positions = tower.state_dict()[_POSITIONS].shape[1]
    weights[_POSITIONS] = weights[_POSITIONS][:, :n_positions]
    return load_matching(tower, weights, path, new=("freq_attn_agg.",))


def start_towers(network: nn.Module, weights: Mapping[str, torch.Tensor], path: Path) -> Loaded:
    """Give both towers of a network those of another, whatever the two stages are.

    Args:
        network: A `ContrastiveModel` or a `Synchformer`.
        weights: Named as in either of them.
        path: Where they come from, for the message.

    Raises:
        CheckpointError: A tower is incomplete or of another size.
    """
    own = network.state_dict()
    is_contrastive = any(name.startswith(tuple(STAGE_1_TOWERS)) for name in own)
    named = tower_weights(weights)
    if is_contrastive:
        stage_1_of = {tower: stage_1 for stage_1, tower in STAGE_1_TOWERS.items()}
        named = {
            stage_1_of[tower] + name.removeprefix(tower): weight
            for name, weight in named.items()
            for tower in stage_1_of
            if name.startswith(tower)
        }
    towers = tuple(STAGE_1_TOWERS if is_contrastive else STAGE_1_TOWERS.values())
    others = tuple(name for name in own if not name.startswith(towers))
    return load_matching(network, named, path, new=others)
