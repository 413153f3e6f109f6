"""Checkpoint files for tests of reading and refusing."""

from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from core.errors import CheckpointError
from core.model.checkpoints.checkpoint import CheckpointKind, read_checkpoint
from tests.golden.stand_in import published_shapes

Weights = dict[str, torch.Tensor]


def shapes_of(kind: CheckpointKind) -> dict[str, tuple[int, ...]]:
    return published_shapes("avclip" if kind is CheckpointKind.EXTRACTORS else kind)


def weights_of(kind: CheckpointKind, dtype: torch.dtype = torch.float32) -> Weights:
    """All weights in full size, each stored as a single number."""
    return {
        name: torch.tensor(0.5, dtype=dtype).expand(shape)
        for name, shape in shapes_of(kind).items()
    }


def as_published(kind: CheckpointKind, weights: Weights) -> dict[str, object]:
    """Layout of training checkpoints: OmegaConf objects, NumPy scalars, optimizer state."""
    config = OmegaConf.create(
        {
            "data": {"num_off_cls": 21, "vids_path": None},
            "model": {"out_features": "${data.num_off_cls}"},
            "training": {"optimizer": {"betas": [0.9, 0.999], "amsgrad": False}},
        }
    )
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=1e-4)
    optimizer.param_groups[0]["betas"] = config.training.optimizer.betas
    common = {"args": config, "epoch": 7, "optimizer": optimizer.state_dict()}
    if kind is CheckpointKind.EXTRACTORS:
        distributed = {f"module.{name}": weight for name, weight in weights.items()}
        metrics: object = {"sync_w_shifts": {"precision": 0.25}}
        return common | {"state_dict": distributed, "metrics": metrics, "name": "run"}
    metrics = {"accuracy_1": np.float64(0.5), "accuracy_5": np.float32(0.25)}
    return common | {"model": weights, "metrics": metrics, "loss": float("nan")}


def message_of(path: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(path)
    message = caught.value.message
    assert path.name in message
    assert message.endswith(".")
    assert "\n" not in message
    return message
