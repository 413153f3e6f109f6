from pathlib import Path

import numpy as np
import pytest
import torch

from core.model.synchformer.inputs import audio_input, centre_crop, video_input
from core.model.synchformer.synchformer import Synchformer
from training.data.clip import Clip
from training.features.feature_files import (
    FeatureError,
    FeaturePlan,
    claim_folder,
    clip_features,
    plan_views,
    read_features,
    write_features,
)


@pytest.fixture(scope="module")
def network() -> Synchformer:
    torch.manual_seed(0)
    return Synchformer(width=24, depth=1).eval()


@pytest.fixture(scope="module")
def clip() -> Clip:
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (40, 256, 260, 3)).astype(np.uint8)
    return Clip(frames, rng.normal(0, 0.1, 40 * 640).astype(np.float32))


def test_a_plain_look_is_what_detection_sees(network: Synchformer, clip: Clip) -> None:
    features = clip_features(network, clip, FeaturePlan(n_views=0, audio_hop_frames=8))
    assert features["visual"].shape == (1, 4, 8, 24)
    assert features["audio"].shape == (4, 6, 24)
    square = centre_crop(clip.frames)
    third = video_input(square[16:32][None])
    with torch.inference_mode():
        seen = network.encode_video(third[None])[0, 0]
        heard = network.encode_audio(audio_input(clip.waveform[10240:20480][None])[None])[0, 0]
    torch.testing.assert_close(features["visual"][0, 2].float(), seen, rtol=1e-2, atol=1e-2)
    torch.testing.assert_close(features["audio"][2].float(), heard, rtol=1e-2, atol=1e-2)


def test_a_view_is_a_mirrored_square_from_its_first_frame_on(
    network: Synchformer, clip: Clip
) -> None:
    plan = FeaturePlan(n_views=2, seed=1)
    views = plan_views(plan, (260, 256), "clip")
    features = clip_features(network, clip, plan, "clip")
    assert features["first_frames"].tolist() == [view.first_frame for view in views]
    assert len(set(features["first_frames"].tolist())) == 2
    assert features["audio"].shape == (25, 6, 24)
    for view, visual in zip(views, features["visual"], strict=True):
        square = clip.frames[view.first_frame :][:16, view.top_px :, view.left_px :][:, :224, :224]
        video = video_input(square[:, :, ::-1].copy() if view.is_mirrored else square.copy())
        with torch.inference_mode():
            seen = network.encode_video(video[None, None])[0, 0]
        torch.testing.assert_close(visual[0].float(), seen, rtol=1e-2, atol=1e-2)


def test_every_first_frame_comes_before_one_comes_again() -> None:
    plan = FeaturePlan(n_views=16)
    views = plan_views(plan, (300, 256), "a")
    assert sorted(view.first_frame for view in views[:8]) == list(range(8))
    assert sorted(view.first_frame for view in views[8:]) == list(range(8))
    assert views != plan_views(plan, (300, 256), "b")


def test_features_come_back_as_they_were_written(tmp_path: Path) -> None:
    features = {"visual": torch.randn(2, 3, 8, 4).half(), "audio": torch.randn(5, 6, 4).half()}
    path = tmp_path / "some" / "clip.safetensors"
    write_features(features, path)
    for name, value in read_features(path).items():
        assert value.equal(features[name])
    path.write_bytes(b"nothing")
    with pytest.raises(FeatureError, match=r"clip\.safetensors is missing or damaged"):
        read_features(path)


def test_a_folder_keeps_to_what_its_features_are_of(tmp_path: Path) -> None:
    facts = {"towers": "abc", "views": (1, 2)}
    claim_folder(tmp_path / "cache", facts)
    claim_folder(tmp_path / "cache", facts)
    for other in ({**facts, "towers": "xyz"}, {**facts, "views": (1, 3)}):
        with pytest.raises(FeatureError, match="other weights, views or clips"):
            claim_folder(tmp_path / "cache", other)
