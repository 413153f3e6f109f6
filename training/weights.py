"""Weights of networks of any size: reading, loading, and initial weights of a stage.

`core.model.checkpoints.checkpoint` reads networks of the published sizes only.

The audio tower starts as an AudioSet classifier (AST, Gong et al., 2021, in its Hugging Face port),
the visual tower as a classifier of actions (Motionformer with divided attention, Patrick et al.,
2021). The aggregators and the temperature are new and keep their random initial values.
"""

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import nn

from core.errors import CheckpointError
from core.model.checkpoints.build import tower_weights
from core.model.checkpoints.kind import STAGE_1_TOWERS, CheckpointKind, identify
from core.model.checkpoints.safe_pickle import load_pickled
from core.model.synchformer.dimensions import (
    AUDIO_STEPS,
    SEGMENT_FRAMES,
    SEGMENT_HOP_FRAMES,
    VISUAL_STEPS,
    WIDTH,
)
from core.model.synchformer.sync_transformer import Head
from core.model.synchformer.synchformer import Synchformer
from core.progress import SILENT
from core.timing import VIDEO_FPS

N_LISTED = 5
"""Largest number of differences named in a message; the rest is counted."""

_NESTED = ("model", "state_dict")
"""Keys of the weights in training checkpoints, our own and published ones."""

_MOTIONFORMER_AT = "https://dl.fbaipublicfiles.com/motionformer/ssv2_divided_224_16x4.pyth"
"""Authors' address of the weights for the visual tower; no hash is published."""

_AST_AT = "https://huggingface.co/MIT/ast-finetuned-audioset-10-10-0.4593"
"""Address of the weights for the audio tower; the file is its `model.safetensors`."""

_AST_PREFIX = "audio_spectrogram_transformer."
_AST_POSITIONS = "ast.embeddings.position_embeddings"

_FUSION_POSITIONS = "transformer.pos_emb_cfg.pos_emb"
_NEW_HEAD = "transformer.sync_head."
_OLD_HEAD = "transformer.off_head."

_PUBLISHED_SPREAD = 0.02
"""Standard deviation of the published initialization."""

_STRENGTH = 0.5
_SHORTEST_S, _LONGEST_S = 0.3, 12.0


@dataclass(frozen=True, slots=True)
class Loaded:
    """Result of loading the weights of a file.

    Attributes:
        n_taken: Number of loaded parameters.
        left_new: Names of parameters missing in the file; they keep their values.
        unused: Names of parameters in the file without a place in the network.
    """

    n_taken: int
    left_new: tuple[str, ...]
    unused: tuple[str, ...]

    def sentence(self, path: Path) -> str:
        """Describe the result for the user."""
        new = ", ".join(sorted({name.partition(".")[0] for name in self.left_new}))
        rest = f", new weights in {new}" if new else ""
        unused = f", {len(self.unused)} weights of the file unused" if self.unused else ""
        return f"{path.name}: {self.n_taken} weights loaded{rest}{unused}."


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """Read the weights of a training checkpoint, a published file or plain weights to the CPU.

    Raises:
        CheckpointError: The file is missing, damaged, refused, or holds no part of Synchformer.
    """
    contents = _read_contents(path)
    nested = next((contents[key] for key in _NESTED if key in contents), contents)
    weights = _plain_tensors(nested)
    towers = (*STAGE_1_TOWERS, *STAGE_1_TOWERS.values())
    if not any(name.startswith(towers) for name in weights):
        raise CheckpointError(
            f"{path.name} does not hold weights of Synchformer; choose another file.",
            path=path,
            details=f"found {', '.join(list(weights)[:N_LISTED]) or 'no tensors'}",
        )
    return weights


def network_of(weights: Mapping[str, torch.Tensor], path: Path) -> Synchformer:
    """Build a network from complete weights, in evaluation mode.

    Weights of the first stage hold only towers; the synchronization module is then new.

    Args:
        weights: Result of `read_weights`.
        path: File of the weights, for messages.

    Raises:
        CheckpointError: The weights are incomplete.
    """
    kind = identify(weights)
    if kind is None:
        raise CheckpointError(
            f"{path.name} does not hold a complete network of any stage; use an unchanged"
            " checkpoint.",
            path=path,
        )
    towers = tower_weights(weights)
    size = size_of(weights)
    head: Head = "synchability" if kind is CheckpointKind.SYNCHABILITY else "sync"
    network = Synchformer(head=head, width=size.width, depth=size.depth)
    is_complete = kind is not CheckpointKind.EXTRACTORS
    new = () if is_complete else ("vproj.", "aproj.", "transformer.")
    load_matching(network, weights if is_complete else towers, path, new=new)
    return network.eval()


class NetworkSize(NamedTuple):
    """Size of a network.

    Attributes:
        width: Width of the tokens.
        depth: Number of blocks in each tower.
    """

    width: int = WIDTH
    depth: int = 12


def size_of(weights: Mapping[str, torch.Tensor]) -> NetworkSize:
    """Size of a network from its complete weights.

    Raises:
        KeyError: The weights have no visual tower.
    """
    towers = tower_weights(weights)
    blocks = {name.split(".")[2] for name in towers if name.startswith("vfeat_extractor.blocks.")}
    return NetworkSize(towers["vfeat_extractor.cls_token"].shape[-1], len(blocks))


def load_matching(
    network: nn.Module, weights: Mapping[str, torch.Tensor], path: Path, new: tuple[str, ...]
) -> Loaded:
    """Copy weights by name.

    Args:
        network: Network to load the weights into.
        weights: Weights by name; unknown names are left out.
        path: File of the weights, for messages.
        new: Prefixes of parameters that may be missing.

    Raises:
        CheckpointError: Another parameter is missing, or a shape differs.
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
            f"{path.name} does not fit the network to train; use a file of the same sizes:"
            f" {'; '.join(found[:N_LISTED])}{more}.",
            path=path,
        )
    taken = {name: weight for name, weight in weights.items() if name in own}
    network.load_state_dict(taken, strict=False)
    unused = tuple(name for name in weights if name not in own)
    return Loaded(len(taken), tuple(missing), unused)


def _read_contents(path: Path) -> Mapping[str, object]:
    """Read the mapping in a file of weights, pickled or safetensors."""
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


def _plain_tensors(contents: object) -> dict[str, torch.Tensor]:
    """Tensors among the contents as float32, without the name prefix of distributed training."""
    if not isinstance(contents, Mapping):
        return {}
    return {
        str(name).removeprefix("module."): value.detach().float()
        for name, value in contents.items()
        if isinstance(value, torch.Tensor)
    }


def start_visual_tower(tower: nn.Module, path: Path) -> Loaded:
    """Load the weights of Motionformer into a visual tower.

    Args:
        tower: A `core.model.synchformer.visual_tower.VisualTower`.
        path: The published `.pyth` file, with weights under `model_state`.

    Raises:
        CheckpointError: The file cannot be read, or its network has no divided attention.
    """
    contents = _read_contents(path)
    weights = _plain_tensors(contents.get("model_state", contents))
    if not any(".timeattn." in name for name in weights):
        raise CheckpointError(
            f"{path.name} does not hold Motionformer with divided attention; download"
            f" {_MOTIONFORMER_AT}.",
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
    found = _plain_tensors(_read_contents(path))
    weights = {
        "ast." + name.removeprefix(_AST_PREFIX): weight
        for name, weight in found.items()
        if name.startswith(_AST_PREFIX)
    }
    if _AST_POSITIONS not in weights:
        raise CheckpointError(
            f"{path.name} does not hold the audio spectrogram transformer; download"
            f" model.safetensors from {_AST_AT}.",
            path=path,
            details=f"found {', '.join(list(found)[:N_LISTED]) or 'no tensors'}",
        )
    n_positions = tower.state_dict()[_AST_POSITIONS].shape[1]
    weights[_AST_POSITIONS] = weights[_AST_POSITIONS][:, :n_positions]
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
    table = weights.get(_FUSION_POSITIONS)
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
    kept[_FUSION_POSITIONS] = table[:, :n_rows]
    return load_matching(network, kept, path, new=(_NEW_HEAD,))


@torch.no_grad()
def begin_small(network: Synchformer) -> None:
    """Initialize all layers after the towers for a small width, for training in minutes.

    The published initialization suits a width of 768 and weeks of training. In a narrower network,
    weights of the same spread have little effect, and a random table of positions must first learn
    the order of time. Architecture and files stay the same.

    Linear layers get a spread scaled from the published width to this one. The table of positions
    encodes the time within the window, alike for video and audio: sines and cosines with periods
    from 0.3 to 12 s.
    """
    fusion = network.transformer
    width = fusion.OFF_tok.shape[-1]
    spread = _PUBLISHED_SPREAD * (WIDTH / width) ** 0.5
    for part in (network.vproj, network.aproj, fusion):
        for module in part.modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=spread)
                nn.init.zeros_(module.bias)
    table = fusion.pos_emb_cfg.pos_emb
    n_segments = (table.shape[1] - 2) // (VISUAL_STEPS + AUDIO_STEPS)
    table.mul_(_STRENGTH)
    first_of_audio = 2 + n_segments * VISUAL_STEPS
    table[0, 1 : first_of_audio - 1] = _time_codes(n_segments, VISUAL_STEPS, width)
    table[0, first_of_audio:] = _time_codes(n_segments, AUDIO_STEPS, width)


def _time_codes(n_segments: int, n_steps: int, width: int) -> torch.Tensor:
    """Codes of the middle of each step: (n_segments * n_steps, width)."""
    segment_s, hop_s = SEGMENT_FRAMES / VIDEO_FPS, SEGMENT_HOP_FRAMES / VIDEO_FPS
    steps = (np.arange(n_steps) + 0.5) * segment_s / n_steps
    times_s = (hop_s * np.arange(n_segments)[:, None] + steps).ravel()
    angles = 2 * np.pi * times_s[:, None] / np.geomspace(_SHORTEST_S, _LONGEST_S, width // 2)
    codes = np.concatenate([np.sin(angles), np.cos(angles)], axis=1)
    return torch.from_numpy(_STRENGTH * 2**0.5 * codes).float()
