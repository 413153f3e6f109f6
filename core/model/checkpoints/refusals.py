"""Reasons to refuse a checkpoint: its content, its parts, and the names and shapes of its weights.

Called by `checkpoint.read_checkpoint`. Pickles are refused earlier, in `safe_pickle`.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal

import torch

from core.errors import CheckpointError
from core.model.checkpoints.kind import (
    STAGE_1_TOWERS,
    CheckpointKind,
    identify,
    missing_parts,
    nearest_kind,
    present_parts,
)
from core.model.synchformer.synchformer import Synchformer

Layout = Literal["pickle", "safetensors"]

N_LISTED = 5
"""Number of differences listed by name; the rest is counted."""

_DTYPES = (torch.float32, torch.float16, torch.bfloat16)
_WEB_PAGE = (b"<!doctype", b"<html", b"<?xml", b"<head")


@cache
def expected_shapes(kind: CheckpointKind) -> Mapping[str, tuple[int, ...]]:
    """Names and shapes of all weights of a kind, taken from the network itself."""
    with torch.device("meta"):
        network = Synchformer(
            head="synchability" if kind is CheckpointKind.SYNCHABILITY else "sync"
        )
    shapes = {name: tuple(weight.shape) for name, weight in network.state_dict().items()}
    if kind is not CheckpointKind.EXTRACTORS:
        return shapes
    renamed = {
        stage_1 + name.removeprefix(tower): shape
        for stage_1, tower in STAGE_1_TOWERS.items()
        for name, shape in shapes.items()
        if name.startswith(tower)
    }
    # The temperature of the contrastive loss.
    return renamed | {"logit_scale": ()}


def layout_or_refuse(path: Path) -> Layout:
    """Identify the layout of a file by its first bytes; refuse everything else.

    Raises:
        CheckpointError: The path is a folder, or the file is empty, a web page or no weights.
        OSError: The file cannot be read.
    """
    if path.is_dir():
        raise CheckpointError(
            f"{path.name} is a folder; choose the file of weights inside it.", path=path
        )
    with path.open("rb") as stream:
        start = stream.read(512)
    if not start:
        raise CheckpointError(f"{path.name} is empty; download or copy it again.", path=path)
    if start.lstrip().lower().startswith(_WEB_PAGE):
        raise CheckpointError(
            f"{path.name} is a web page and not a model; the download was answered with a page, "
            "try it again.",
            path=path,
        )
    if start.startswith((b"PK", b"\x80")):
        return "pickle"
    # Eight bytes of header length, then the header in JSON.
    if start[8:9] == b"{":
        return "safetensors"
    raise CheckpointError(
        f"{path.name} is not a file of model weights; choose a .pt, .pth or .safetensors file of "
        "Synchformer.",
        path=path,
    )


def refuse_unless_ordinary(name: str, weight: torch.Tensor, path: Path) -> None:
    """Refuse a sparse tensor and a tensor on another device than the CPU.

    Raises:
        CheckpointError: The tensor is refused.
    """
    if weight.layout is not torch.strided or weight.device.type != "cpu":
        raise _incompatible(path, f"{name} is not an ordinary tensor")


def kind_or_refuse(weights: Mapping[str, torch.Tensor], path: Path) -> CheckpointKind:
    """Identify the kind of a checkpoint; refuse foreign and incomplete ones.

    Raises:
        CheckpointError: The weights belong to another network, or parts are missing.
    """
    kind = identify(weights)
    if kind is not None:
        return kind
    nearest = nearest_kind(weights)
    present = present_parts(weights, nearest)
    missing = missing_parts(weights, nearest)
    if not present:
        found = ", ".join(list(weights)[:N_LISTED]) or "no tensors"
        raise CheckpointError(
            f"{path.name} does not hold weights of Synchformer; choose another file.",
            path=path,
            details=f"found {found}",
        )
    raise CheckpointError(
        f"{path.name} holds only {_listing(present)} of Synchformer, {_listing(missing)} "
        f"{'is' if len(missing) == 1 else 'are'} missing; use the complete model.",
        path=path,
    )


def refuse_unless_matching(
    weights: Mapping[str, torch.Tensor], kind: CheckpointKind, path: Path
) -> None:
    """Refuse weights of other names, shapes or types than the published network has.

    Raises:
        CheckpointError: The weights are refused; the message lists the first differences.
    """
    expected = expected_shapes(kind)
    differences = [f"{name} is missing" for name in expected if name not in weights]
    differences += [f"{name} is unknown" for name in weights if name not in expected]
    differences += [
        f"{name} has shape {tuple(weight.shape)} instead of {expected[name]}"
        for name, weight in weights.items()
        if name in expected and tuple(weight.shape) != expected[name]
    ]
    differences += [
        f"{name} has type {weight.dtype}"
        for name, weight in weights.items()
        if weight.dtype not in _DTYPES
    ]
    if not differences:
        return
    more = len(differences) - N_LISTED
    listed = "; ".join(differences[:N_LISTED]) + (f"; and {more} more" if more > 0 else "")
    raise _incompatible(path, listed)


def _incompatible(path: Path, differences: str) -> CheckpointError:
    return CheckpointError(
        f"{path.name} does not fit the published network, use an unchanged checkpoint: "
        f"{differences}.",
        path=path,
    )


def _listing(words: tuple[str, ...]) -> str:
    return " and ".join(", ".join(words).rsplit(", ", 1))
