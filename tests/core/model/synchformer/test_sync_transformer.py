import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from core.model.synchformer.sync_transformer import FusionTransformer
from core.model.synchformer.synchformer import Synchformer

Goldens = dict[str, NDArray[np.float32]]

LOGIT_ABSOLUTE = 2e-4
WINDOW = "3qesirWAGt4_20000_30000/start0.00"


def recorded_features(goldens: Goldens) -> tuple[torch.Tensor, torch.Tensor]:
    visual = torch.from_numpy(goldens[f"{WINDOW}/visual_features"])[None]
    audio = torch.from_numpy(goldens[f"{WINDOW}_offset+1.60/audio_features"])[None]
    return visual, audio


@pytest.mark.golden
def test_offset_logits_are_the_published_ones(offset_fusion: Synchformer, goldens: Goldens) -> None:
    with torch.inference_mode():
        logits = offset_fusion.fuse(*recorded_features(goldens))
    expected = goldens[f"{WINDOW}_offset+1.60/logits"]
    np.testing.assert_allclose(logits[0], expected, rtol=0, atol=LOGIT_ABSOLUTE)


@pytest.mark.golden
def test_synchability_logits_are_the_published_ones(
    synchability_fusion: Synchformer, goldens: Goldens
) -> None:
    visual, audio = recorded_features(goldens)
    with torch.inference_mode():
        logits = synchability_fusion.fuse(visual[:, :13], audio[:, :13])
    expected = goldens[f"{WINDOW}_offset+1.60/sync_logits"]
    np.testing.assert_allclose(logits[0], expected, rtol=0, atol=LOGIT_ABSOLUTE)


@pytest.mark.golden
def test_windows_of_a_batch_do_not_see_each_other(
    offset_fusion: Synchformer, goldens: Goldens
) -> None:
    visual, audio = recorded_features(goldens)
    synthetic_visual = torch.from_numpy(goldens["synthetic/visual_features"]).repeat(7, 1, 1)
    synthetic_audio = torch.from_numpy(goldens["synthetic/audio_features"])
    with torch.inference_mode():
        logits = offset_fusion.fuse(
            torch.cat([visual, synthetic_visual[None]]), torch.cat([audio, synthetic_audio[None]])
        )
    expected = [goldens[f"{WINDOW}_offset+1.60/logits"], goldens["synthetic/logits"]]
    np.testing.assert_allclose(logits, expected, rtol=0, atol=LOGIT_ABSOLUTE)


def test_wrong_number_of_segments_is_refused() -> None:
    transformer = FusionTransformer("synchability", width=24, depth=1)
    with pytest.raises(ValueError, match="expected 184 tokens, got 198"):
        transformer(torch.zeros(1, 14 * 8, 24), torch.zeros(1, 14 * 6, 24))


def test_answer_is_the_same_with_all_rows_of_the_last_block() -> None:
    torch.manual_seed(0)
    block = FusionTransformer("sync", width=24, depth=1).eval().blocks[0]
    x = torch.randn(2, 9, 24)
    torch.testing.assert_close(block(x, n_rows=1), block(x)[:, :1])


def test_dropout_works_while_training_only() -> None:
    torch.manual_seed(0)
    transformer = FusionTransformer("sync", width=24, depth=1, dropout=0.5)
    visual, audio = torch.randn(1, 14 * 8, 24), torch.randn(1, 14 * 6, 24)
    assert not torch.equal(transformer(visual, audio), transformer(visual, audio))
    transformer.eval()
    assert torch.equal(transformer(visual, audio), transformer(visual, audio))
