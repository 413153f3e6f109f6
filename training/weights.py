"""Reading and loading weights of networks of any size.

`core.model.checkpoints.checkpoint` reads networks of the published sizes only.
"""

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import safetensors
import safetensors.torch
import torch
from torch import nn

from core.errors import CheckpointError
from core.model.checkpoints.build import tower_weights
from core.model.checkpoints.kind import STAGE_1_TOWERS, CheckpointKind, identify
from core.model.checkpoints.safe_pickle import load_pickled
from core.model.synchformer.dimensions import WIDTH
from core.model.synchformer.sync_transformer import Head
from core.model.synchformer.synchformer import Synchformer
from core.progress import SILENT

N_LISTED = 5
"""Largest number of differences named in a message; the rest is counted."""

_NESTED = ("model", "state_dict")
"""Keys of the weights in training checkpoints, our own and published ones."""


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
    contents = read_contents(path)
    nested = next((contents[key] for key in _NESTED if key in contents), contents)
    weights = plain_tensors(nested)
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


def read_contents(path: Path) -> Mapping[str, object]:
    """Read the mapping in a file of weights, pickled or safetensors.

    Raises:
        CheckpointError: The file is missing, damaged or refused.
    """
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


def plain_tensors(contents: object) -> dict[str, torch.Tensor]:
    """Tensors among the contents as float32, without the name prefix of distributed training."""
    if not isinstance(contents, Mapping):
        return {}
    return {
        str(name).removeprefix("module."): value.detach().float()
        for name, value in contents.items()
        if isinstance(value, torch.Tensor)
    }
