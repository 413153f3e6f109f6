import pytest
import torch

from core.model.synchformer.sync_transformer import Head
from core.model.synchformer.synchformer import Synchformer, segment_embeddings
from tests.golden.stand_in import published_shapes


@pytest.fixture(scope="module")
def small() -> Synchformer:
    torch.manual_seed(0)
    return Synchformer(width=24, depth=1).eval().requires_grad_(False)


@pytest.mark.golden
@pytest.mark.parametrize("head", ["sync", "synchability"])
def test_parameters_have_the_published_names_and_shapes(head: Head) -> None:
    with torch.device("meta"):
        model = Synchformer(head=head)
    shapes = {name: tuple(weight.shape) for name, weight in model.state_dict().items()}
    assert shapes == published_shapes(head)


def test_forward_fuses_what_the_encoders_return(small: Synchformer) -> None:
    torch.manual_seed(0)
    video, mel = torch.randn(1, 14, 16, 3, 224, 224), torch.randn(1, 14, 1, 128, 66)
    visual, audio = small.encode_video(video), small.encode_audio(mel)
    assert visual.shape == (1, 14, 8, 24)
    assert audio.shape == (1, 14, 6, 24)
    logits = small(video, mel)
    assert logits.shape == (1, 21)
    torch.testing.assert_close(logits, small.fuse(visual, audio))


def test_features_do_not_depend_on_the_batch(small: Synchformer) -> None:
    torch.manual_seed(0)
    video, mel = torch.randn(2, 2, 16, 3, 224, 224), torch.randn(2, 2, 1, 128, 66)
    visual, audio = small.encode_video(video), small.encode_audio(mel)
    one = slice(1, 2)
    torch.testing.assert_close(small.encode_video(video[one, one]), visual[one, one])
    torch.testing.assert_close(small.encode_audio(mel[one, one]), audio[one, one])


def test_reduced_towers_return_float32() -> None:
    model = Synchformer(width=24, depth=1).eval()
    model.vfeat_extractor.bfloat16()
    model.afeat_extractor.bfloat16()
    with torch.inference_mode():
        visual = model.encode_video(torch.zeros(1, 1, 16, 3, 224, 224))
        audio = model.encode_audio(torch.zeros(1, 1, 1, 128, 66))
    assert visual.dtype == audio.dtype == torch.float32


def test_embeddings_are_unit_vectors_along_the_mean_over_time() -> None:
    features = torch.tensor([[[1.0, 0.0], [5.0, 8.0]]])
    torch.testing.assert_close(segment_embeddings(features), torch.tensor([[0.6, 0.8]]))
