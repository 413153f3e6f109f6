import hashlib

import pytest

from tests.golden.stand_in import published_shapes, stand_in_tensor


@pytest.mark.golden
@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("vfeat_extractor.cls_token", "4223c173d23e107b"),
        ("vfeat_extractor.norm.weight", "c6a0788ad8cf157f"),
        ("afeat_extractor.ast.encoder.layer.0.output.dense.bias", "27f08b4375c8a4ca"),
        ("transformer.pos_emb_cfg.pos_emb", "08f7cb554389ee35"),
    ],
)
def test_stand_ins_have_the_recorded_fingerprints(name: str, digest: str) -> None:
    tensor = stand_in_tensor(name, published_shapes("sync")[name])
    assert hashlib.sha256(tensor.numpy().tobytes()).hexdigest()[:16] == digest


@pytest.mark.parametrize(
    ("kind", "n_tensors"), [("sync", 513), ("synchability", 513), ("avclip", 451)]
)
def test_every_parameter_is_listed(kind: str, n_tensors: int) -> None:
    assert len(published_shapes(kind)) == n_tensors
