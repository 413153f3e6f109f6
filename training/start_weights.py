"""Public pretrained weights for the towers.

The audio tower starts as an AudioSet classifier (AST, Gong et al., 2021, in its Hugging Face port),
the visual tower as a classifier of actions (Motionformer with divided attention, Patrick et al.,
2021). The aggregators and the temperature are new and keep their random initial values.
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
"""Authors' address of the weights for the visual tower; no hash is published."""

AST_AT = "https://huggingface.co/MIT/ast-finetuned-audioset-10-10-0.4593"
"""Address of the weights for the audio tower; the file is its `model.safetensors`."""

_AST_PREFIX = "audio_spectrogram_transformer."
_POSITIONS = "ast.embeddings.position_embeddings"


def start_visual_tower(tower: nn.Module, path: Path) -> Loaded:
    """Load the weights of Motionformer into a visual tower.

    Args:
        tower: A `core.model.synchformer.visual_tower.VisualTower`.
        path: The published `.pyth` file, with weights under `model_state`.

    Raises:
        CheckpointError: The file cannot be read, or its network has no divided attention.
    """
    contents = read_contents(path)
    weights = plain_tensors(contents.get("model_state", contents))
    if not any(".timeattn." in name for name in weights):
        raise CheckpointError(
            f"{path.name} does not hold Motionformer with divided attention; download"
            f" {MOTIONFORMER_AT}.",
            path=path,
            details=f"found {', '.join(list(weights)[:N_LISTED]) or 'no tensors'}",
        )
    return load_matching(tower, weights, path, new=("spatial_attn_agg.",))


def start_audio_tower(tower: nn.Module, path: Path) -> Loaded:
    """Load the weights of AST into an audio tower.

    AST's table of positions covers ten seconds; the tower takes its first entries, as the published
    training did. These belong to the two special tokens and to patches of the lowest band only, so
    training adapts the positions of the other bands.

    Args:
        tower: A `core.model.synchformer.audio_tower.AudioTower`.
        path: A `.safetensors` or `.bin` file of the Hugging Face port.

    Raises:
        CheckpointError: The file cannot be read or does not hold AST.
    """
    found = plain_tensors(read_contents(path))
    weights = {
        "ast." + name.removeprefix(_AST_PREFIX): weight
        for name, weight in found.items()
        if name.startswith(_AST_PREFIX)
    }
    if _POSITIONS not in weights:
        raise CheckpointError(
            f"{path.name} does not hold the audio spectrogram transformer; download"
            f" model.safetensors from {AST_AT}.",
            path=path,
            details=f"found {', '.join(list(found)[:N_LISTED]) or 'no tensors'}",
        )
    n_positions = tower.state_dict()[_POSITIONS].shape[1]
    weights[_POSITIONS] = weights[_POSITIONS][:, :n_positions]
    return load_matching(tower, weights, path, new=("freq_attn_agg.",))


def start_towers(network: nn.Module, weights: Mapping[str, torch.Tensor], path: Path) -> Loaded:
    """Load both towers of another network, of the same or another stage.

    Args:
        network: A `ContrastiveModel` or a `Synchformer`.
        weights: Weights of either kind of network.
        path: File of the weights, for messages.

    Raises:
        CheckpointError: A tower is incomplete or has another size.
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
