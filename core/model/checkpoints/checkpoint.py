"""Reading checkpoints of every layout, and writing them as safetensors with a model card.

Layouts are identified by content, never by suffix. A file is refused here for its content, its
parts, or the names, shapes and types of its weights; pickles are checked in `safe_pickle`. Networks
are built in `build`, installed models are kept in `core.model.store`.
"""

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import safetensors
import safetensors.torch
import torch

from core.errors import CheckpointError
from core.model.checkpoints.kind import (
    PARTS,
    STAGE_1_TOWERS,
    CheckpointKind,
    identify,
    present_parts,
)
from core.model.checkpoints.model_card import CARD_NAME, WEIGHTS_NAME, ModelCard, write_card
from core.model.checkpoints.safe_pickle import damaged, load_pickled, plain_data
from core.model.hashing import hash_file
from core.model.synchformer.synchformer import Synchformer
from core.progress import SILENT, Monitor, Progress

_INFO_KEYS = {"args": "config", "epoch": "epoch", "metrics": "metrics", "loss": "loss"}
"""Entries kept of a training checkpoint beside the weights: key in the file, key in `info`."""

_N_LISTED = 5
"""Number of differences listed by name; the rest is counted."""

_DTYPES = (torch.float32, torch.float16, torch.bfloat16)
_WEB_PAGE = (b"<!doctype", b"<html", b"<?xml", b"<head")


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """Weights and their description.

    Attributes:
        kind: Kind of the model.
        weights: Tensors on the CPU by name, complete and of the published shapes; float32,
            float16 or bfloat16. They may be mapped from the file, so keep the file while in use.
        info: Plain JSON data: `precision` and, if present in the file, `config`, `epoch`,
            `metrics` and `loss` of the training.
        path: The source file.
    """

    kind: CheckpointKind
    weights: dict[str, torch.Tensor]
    info: dict[str, object]
    path: Path


def read_checkpoint(path: Path, monitor: Monitor = SILENT) -> Checkpoint:
    """Read weights of any kind: a published file, a plain state dict or safetensors.

    Args:
        path: The file; its layout is identified by content.
        monitor: Receives the progress of the file check. Tensors are read on first use.

    Raises:
        CheckpointError: The file is missing, damaged, refused, incomplete or not of Synchformer.
        Cancelled: The monitor cancelled the work.
    """
    try:
        read = load_pickled if _is_pickle(path) else _read_safetensors
        contents = read(path, monitor)
    except OSError as error:
        raise CheckpointError.unreadable(path, error) from error
    top = contents if isinstance(contents, Mapping) else {}
    nested = next((top[key] for key in ("model", "state_dict") if key in top), top)
    weights = _tensors(nested, path)
    kind = _kind(weights, path)
    _require_published(weights, kind, path)
    precisions = sorted({str(weight.dtype).removeprefix("torch.") for weight in weights.values()})
    info: dict[str, object] = {"precision": ", ".join(precisions)}
    if nested is not top:
        info |= _training_info(top, path)
    return Checkpoint(kind, weights, info, path)


def save_checkpoint(
    checkpoint: Checkpoint,
    folder: Path,
    *,
    title: str = "",
    source_sha256: str = "",
    published_id: str = "",
) -> None:
    """Write `model.safetensors` and `model.json` into a new folder, complete or absent.

    Args:
        checkpoint: Weights and their description.
        folder: The model's own folder; its last part is the model's name.
        title: Name to show; the name of the folder if empty.
        source_sha256: SHA-256 of the imported file, if any.
        published_id: Id of the published model, if any.

    Raises:
        CheckpointError: The folder exists already or cannot be written.
    """
    if folder.exists():
        raise CheckpointError(
            f"The folder {folder} exists already; remove it or choose another name.", path=folder
        )
    partial = folder.with_name(f".{folder.name}.partial~")
    try:
        if partial.exists():
            shutil.rmtree(partial)
        partial.mkdir(parents=True)
        _write_weights(checkpoint.weights, partial / WEIGHTS_NAME)
        written = hash_file(partial / WEIGHTS_NAME)
        card = ModelCard(
            kind=checkpoint.kind,
            title=title or folder.name,
            sha256=written.sha256,
            n_bytes=written.n_bytes,
            source_sha256=source_sha256,
            published_id=published_id,
            info=checkpoint.info,
        )
        write_card(card, partial)
        # safetensors makes its file readable to the owner alone.
        shutil.copymode(partial / CARD_NAME, partial / WEIGHTS_NAME)
        partial.rename(folder)
    except (OSError, safetensors.SafetensorError) as error:
        raise CheckpointError(
            f"The model could not be written to {folder}; check that the disk has room and that "
            "you may write there.",
            path=folder,
            details=str(error),
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _write_weights(weights: Mapping[str, torch.Tensor], target: Path) -> None:
    plain = {name: weight.contiguous() for name, weight in weights.items()}
    safetensors.torch.save_file(plain, target, metadata={"format": "pt"})
    with target.open("rb+") as stream:
        os.fsync(stream.fileno())


def _is_pickle(path: Path) -> bool:
    """Tell a pickle from safetensors by its first bytes; refuse everything else."""
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
        return True
    # Eight bytes of header length, then the header in JSON.
    if start[8:9] == b"{":
        return False
    raise CheckpointError(
        f"{path.name} is not a file of model weights; choose a .pt, .pth or .safetensors file of "
        "Synchformer.",
        path=path,
    )


def _read_safetensors(path: Path, monitor: Monitor) -> dict[str, torch.Tensor]:
    monitor.check()
    monitor.report(Progress("Opening the model"))
    try:
        return safetensors.torch.load_file(path)
    except safetensors.SafetensorError as error:
        raise damaged(path, str(error)) from error


def _tensors(contents: object, path: Path) -> dict[str, torch.Tensor]:
    """Collect the tensors of a state dict, without the prefix added by distributed training."""
    weights: dict[str, torch.Tensor] = {}
    for name, weight in contents.items() if isinstance(contents, Mapping) else ():
        if not isinstance(name, str) or not isinstance(weight, torch.Tensor):
            continue
        if weight.layout is not torch.strided or weight.device.type != "cpu":
            raise _incompatible(path, f"{name} is not an ordinary tensor")
        weights[name] = weight.detach()
    if weights and all(name.startswith("module.") for name in weights):
        return {name.removeprefix("module."): weight for name, weight in weights.items()}
    return weights


def _kind(weights: Mapping[str, torch.Tensor], path: Path) -> CheckpointKind:
    """Identify the kind of a checkpoint; refuse foreign and incomplete ones."""
    kind = identify(weights)
    if kind is not None:
        return kind
    nearest = max(CheckpointKind, key=lambda kind: len(present_parts(weights, kind)))
    present = present_parts(weights, nearest)
    missing = [words for words in PARTS[nearest] if words not in present]
    if not present:
        found = ", ".join(list(weights)[:_N_LISTED]) or "no tensors"
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


def _require_published(
    weights: Mapping[str, torch.Tensor], kind: CheckpointKind, path: Path
) -> None:
    """Refuse weights of other names, shapes or types than the published network has."""
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
    more = len(differences) - _N_LISTED
    listed = "; ".join(differences[:_N_LISTED]) + (f"; and {more} more" if more > 0 else "")
    raise _incompatible(path, listed)


def _training_info(contents: Mapping[object, object], path: Path) -> dict[str, object]:
    try:
        return {
            ours: plain_data(contents[key]) for key, ours in _INFO_KEYS.items() if key in contents
        }
    except RecursionError as error:
        raise CheckpointError(
            f"{path.name} was refused because its configuration contains itself; get the model from"
            " a source you trust.",
            path=path,
        ) from error


def _incompatible(path: Path, differences: str) -> CheckpointError:
    return CheckpointError(
        f"{path.name} does not fit the published network, use an unchanged checkpoint: "
        f"{differences}.",
        path=path,
    )


def _listing(words: Sequence[str]) -> str:
    return " and ".join(", ".join(words).rsplit(", ", 1))
