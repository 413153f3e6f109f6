"""Towers that do not start from nothing: public weights for what each of them was before.

The audio tower was an AudioSet classifier (AST, Gong et al., 2021, in its Hugging Face port), the
visual one a classifier of actions (Motionformer with divided attention, Patrick et al., 2021). What
they have no part for, the aggregators and the temperature, stays as it is initialised.
"""

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import nn

from core.errors import CheckpointError
from core.model.build import tower_weights
from core.model.kind import STAGE_1_TOWERS
from core.model.unpickle import load_pickled
from core.progress import SILENT

N_LISTED = 5

MOTIONFORMER_AT = "https://dl.fbaipublicfiles.com/motionformer/ssv2_divided_224_16x4.pyth"
"""Where the authors keep the weights for the visual tower; no hash is published."""

AST_AT = "https://huggingface.co/MIT/ast-finetuned-audioset-10-10-0.4593"
"""Where the weights for the audio tower are kept; its `model.safetensors` is the file to get."""

_AST_PREFIX = "audio_spectrogram_transformer."
_POSITIONS = "ast.embeddings.position_embeddings"


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of the weights of a file.

    Attributes:
        n_taken: Parameters that now have the values of the file.
        left_new: Parameters that the file says nothing of; they stay as they were.
        unused: Parameters of the file that the network has no place for.
    """

    n_taken: int
    left_new: tuple[str, ...]
    unused: tuple[str, ...]


def start_visual_tower(tower: nn.Module, path: Path) -> Loaded:
    """Give a visual tower the weights of Motionformer.

    Args:
        tower: A `core.model.visual.VisualTower`.
        path: The published `.pyth`, whose weights lie under `model_state`.

    Raises:
        CheckpointError: The file cannot be read, or is not of a network with divided attention.
    """
    contents = _read(path)
    weights = _tensors(contents.get("model_state", contents))
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
        tower: A `core.model.audio.AudioTower`.
        path: A `.safetensors` or `.bin` file of the Hugging Face port.

    Raises:
        CheckpointError: The file cannot be read or is not of AST.
    """
    found = _tensors(_read(path))
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


def load_matching(
    network: nn.Module, weights: Mapping[str, torch.Tensor], path: Path, new: tuple[str, ...]
) -> Loaded:
    """Copy weights by name.

    Args:
        network: Gets the weights.
        weights: What it has no place for is left out.
        path: Where they come from, for the message.
        new: How the names of those parameters begin that may be missing.

    Raises:
        CheckpointError: Anything else is missing, or a shape is another.
    """
    own = network.state_dict()
    missing = [name for name in own if name not in weights]
    unexpected_gaps = [name for name in missing if not name.startswith(new)]
    differing = [
        f"{name} has shape {tuple(weight.shape)} instead of {tuple(own[name].shape)}"
        for name, weight in weights.items()
        if name in own and weight.shape != own[name].shape
    ]
    if differing or unexpected_gaps:
        found = differing + [f"{name} is missing" for name in unexpected_gaps]
        more = f"; and {len(found) - N_LISTED} more" if len(found) > N_LISTED else ""
        raise CheckpointError(
            f"{path.name} does not fit the network that is to be trained; use a file of the same"
            f" sizes: {'; '.join(found[:N_LISTED])}{more}.",
            path=path,
        )
    taken = {name: weight for name, weight in weights.items() if name in own}
    network.load_state_dict(taken, strict=False)
    unused = tuple(name for name in weights if name not in own)
    return Loaded(len(taken), tuple(missing), unused)


def _read(path: Path) -> Mapping[str, object]:
    try:
        with path.open("rb") as stream:
            start = stream.read(9)
        if start[8:9] == b"{":
            return dict(safetensors.torch.load_file(path))
        contents = load_pickled(path, SILENT)
    except OSError as error:
        raise CheckpointError.unreadable(path, error) from error
    except (safetensors.SafetensorError, pickle.UnpicklingError) as error:
        raise CheckpointError(
            f"{path.name} is damaged or incomplete; download or copy it again.",
            path=path,
            details=str(error),
        ) from error
    return contents if isinstance(contents, Mapping) else {}


def _tensors(contents: object) -> dict[str, torch.Tensor]:
    """Return the tensors among the contents, without the prefix of distributed training."""
    if not isinstance(contents, Mapping):
        return {}
    return {
        str(name).removeprefix("module."): value.detach().float()
        for name, value in contents.items()
        if isinstance(value, torch.Tensor)
    }
