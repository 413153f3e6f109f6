from pathlib import Path

import pytest
import torch

from core.errors import CheckpointError
from core.model.checkpoints.build import build_synchformer, tower_weights
from core.model.checkpoints.checkpoint import Checkpoint
from core.model.checkpoints.kind import CheckpointKind
from tests.core.model.conftest import Window
from tests.golden.stand_in import published_shapes, stand_in_weights

CPU = torch.device("cpu")


def blank(kind: CheckpointKind) -> Checkpoint:
    name = "avclip" if kind is CheckpointKind.EXTRACTORS else str(kind)
    # Untouched zeros take no memory.
    weights = {name: torch.zeros(shape) for name, shape in published_shapes(name).items()}
    return Checkpoint(kind=kind, weights=weights, info={}, path=Path("model.safetensors"))


@pytest.mark.parametrize(
    ("kind", "n_classes"), [(CheckpointKind.SYNC, 21), (CheckpointKind.SYNCHABILITY, 2)]
)
def test_network_takes_over_the_weights_without_a_copy(
    kind: CheckpointKind, n_classes: int
) -> None:
    checkpoint = blank(kind)
    model = build_synchformer(checkpoint, device=CPU, dtype=torch.float32)
    built = model.state_dict()
    assert built.keys() == checkpoint.weights.keys()
    assert all(built[n].data_ptr() == w.data_ptr() for n, w in checkpoint.weights.items())
    assert not model.training
    assert not any(p.requires_grad for p in model.parameters())
    n_segments = 14 if kind is CheckpointKind.SYNC else 13
    with torch.inference_mode():
        logits = model.fuse(torch.zeros(1, n_segments, 8, 768), torch.zeros(1, n_segments, 6, 768))
    assert logits.shape == (1, n_classes)


def test_only_the_towers_are_reduced() -> None:
    model = build_synchformer(blank(CheckpointKind.SYNC), device=CPU, dtype=torch.bfloat16)
    for name, weight in model.state_dict().items():
        is_tower = name.startswith(("vfeat_extractor.", "afeat_extractor."))
        assert weight.dtype is (torch.bfloat16 if is_tower else torch.float32), name


def test_reduced_checkpoint_is_widened() -> None:
    checkpoint = blank(CheckpointKind.SYNC)
    checkpoint.weights.update({n: w.half() for n, w in checkpoint.weights.items() if w.dim() < 2})
    model = build_synchformer(checkpoint, device=CPU, dtype=torch.float32)
    assert {weight.dtype for weight in model.parameters()} == {torch.float32}


def test_feature_extractors_alone_are_refused_by_name() -> None:
    with pytest.raises(CheckpointError, match=r"model\.safetensors holds feature extractors only"):
        build_synchformer(blank(CheckpointKind.EXTRACTORS), device=CPU, dtype=torch.float32)


def test_towers_of_every_stage_get_the_same_names() -> None:
    shapes = {name: shape for name, shape in published_shapes("sync").items() if "feat_" in name}
    for kind in CheckpointKind:
        weights = tower_weights(blank(kind).weights)
        assert {name: tuple(weight.shape) for name, weight in weights.items()} == shapes


@pytest.mark.slow
def test_compiled_blocks_give_the_same_features(
    synthetic_window: Window, monkeypatch: pytest.MonkeyPatch
) -> None:
    # More than one would leave a pool of worker processes behind.
    monkeypatch.setattr("torch._inductor.config.compile_threads", 1)
    weights = stand_in_weights(published_shapes("sync"))
    checkpoint = Checkpoint(CheckpointKind.SYNC, weights, info={}, path=Path("model.safetensors"))
    video = synthetic_window.video[None, :1]
    features = []
    for compile_blocks in (False, True):
        model = build_synchformer(
            checkpoint, device=CPU, dtype=torch.float32, compile_blocks=compile_blocks
        )
        assert model.state_dict().keys() == weights.keys()
        with torch.inference_mode():
            features.append(model.encode_video(video))
    torch.testing.assert_close(features[1], features[0], rtol=0, atol=5e-5)
