"""Reading checkpoints of every layout, and writing them as safetensors with a model card.

Layouts are identified by content, never by suffix. Unusable files are refused in `refusals` and
`safe_pickle`, networks are built in `build`, installed models are kept in `core.model.store`.
"""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import safetensors
import safetensors.torch
import torch

from core.errors import CheckpointError
from core.model.checkpoints.kind import CheckpointKind
from core.model.checkpoints.model_card import CARD_NAME, WEIGHTS_NAME, ModelCard, write_card
from core.model.checkpoints.refusals import (
    kind_or_refuse,
    layout_or_refuse,
    refuse_unless_matching,
    refuse_unless_ordinary,
)
from core.model.checkpoints.safe_pickle import load_pickled, plain_data
from core.model.hashing import hash_file
from core.progress import SILENT, Monitor, Progress

_INFO_KEYS = {"args": "config", "epoch": "epoch", "metrics": "metrics", "loss": "loss"}
"""Entries kept of a training checkpoint beside the weights: key in the file, key in `info`."""


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
        contents = _read_contents(path, monitor)
    except OSError as error:
        raise CheckpointError.unreadable(path, error) from error
    top = contents if isinstance(contents, Mapping) else {}
    nested = next((top[key] for key in ("model", "state_dict") if key in top), top)
    weights = _tensors(nested, path)
    kind = kind_or_refuse(weights, path)
    refuse_unless_matching(weights, kind, path)
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


def _read_contents(path: Path, monitor: Monitor) -> object:
    layout = layout_or_refuse(path)
    return load_pickled(path, monitor) if layout == "pickle" else _read_safetensors(path, monitor)


def _read_safetensors(path: Path, monitor: Monitor) -> dict[str, torch.Tensor]:
    monitor.check()
    monitor.report(Progress("Opening the model"))
    try:
        return safetensors.torch.load_file(path)
    except safetensors.SafetensorError as error:
        raise CheckpointError(
            f"{path.name} is damaged or incomplete; download or copy it again.",
            path=path,
            details=str(error),
        ) from error


def _tensors(contents: object, path: Path) -> dict[str, torch.Tensor]:
    """Collect the tensors of a state dict, without the prefix added by distributed training."""
    weights: dict[str, torch.Tensor] = {}
    for name, weight in contents.items() if isinstance(contents, Mapping) else ():
        if not isinstance(name, str) or not isinstance(weight, torch.Tensor):
            continue
        refuse_unless_ordinary(name, weight, path)
        weights[name] = weight.detach()
    if weights and all(name.startswith("module.") for name in weights):
        return {name.removeprefix("module."): weight for name, weight in weights.items()}
    return weights


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
