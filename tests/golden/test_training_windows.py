"""All windows recorded from the two real clips, as training reads and cuts them.

Needs the full set of numbers and the clips beside the repository; README.md says more.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from training.data.clip import Clip, read_clip
from training.data.samples import plain_sample
from training.data.window_positions import Cut, centred_contrastive, fixed_sync

SHARED = Path(__file__).parents[3] / "shared"
CLIPS = ("3qesirWAGt4_20000_30000", "00018")
WINDOWS = ((0.0, 0.0), (0.0, 1.6), (4.0, -2.0))
LONGEST_S = 10.0

pytestmark = [
    pytest.mark.golden,
    pytest.mark.slow,
    pytest.mark.skipif(not (SHARED / "parity").is_dir(), reason="full goldens are not here"),
    pytest.mark.skipif(not (SHARED / "clips").is_dir(), reason="real clips are not here"),
]


@pytest.fixture(scope="module")
def recorded() -> Iterator[np.lib.npyio.NpzFile]:
    with np.load(SHARED / "parity" / "goldens_public.npz") as arrays:
        yield arrays


@pytest.fixture(scope="module", params=CLIPS)
def named_clip(request: pytest.FixtureRequest) -> tuple[str, Clip]:
    return request.param, read_clip(SHARED / "clips" / f"{request.param}.mp4", LONGEST_S)


def at_recorded_places(video: torch.Tensor) -> torch.Tensor:
    flat = video.reshape(-1)
    return flat[(torch.arange(64) * 524287 + 12345) % flat.numel()].float()


@pytest.mark.parametrize(("start_s", "offset_s"), WINDOWS)
def test_windows_enter_the_network_as_published(
    named_clip: tuple[str, Clip],
    start_s: float,
    offset_s: float,
    recorded: np.lib.npyio.NpzFile,
) -> None:
    clip_name, clip = named_clip
    sample = plain_sample(clip, fixed_sync(clip.n_frames, start_s, offset_s))
    name = f"{clip_name}/start{start_s:.2f}_offset{offset_s:+.2f}"
    about = json.loads((SHARED / "parity" / "goldens_public.json").read_text())["meta"]
    window = name.partition("/")[2]
    assert sample["label"] == about["clips"][clip_name][window]["class_index"]
    np.testing.assert_array_equal(at_recorded_places(sample["video"]), recorded[f"{name}/video_at"])
    np.testing.assert_allclose(sample["mel"], recorded[f"{name}/mel"], rtol=0, atol=2e-4)


def test_segments_of_the_first_stage_enter_the_network_as_published(
    named_clip: tuple[str, Clip], recorded: np.lib.npyio.NpzFile
) -> None:
    name, clip = named_clip
    sample = plain_sample(clip, centred_contrastive(clip.n_frames), in_half=False)
    video = at_recorded_places(sample["video"].transpose(1, 2).contiguous())
    np.testing.assert_allclose(video, recorded[f"{name}/stage1/video_at"], rtol=0, atol=1e-6)
    mel = sample["mel"][:, 0].transpose(1, 2)
    np.testing.assert_allclose(mel, recorded[f"{name}/stage1/mel"], rtol=0, atol=2e-4)


def test_window_of_synchronizability_enters_the_network_as_published(
    named_clip: tuple[str, Clip], recorded: np.lib.npyio.NpzFile
) -> None:
    clip_name, clip = named_clip
    if f"{clip_name}/stage3/mel" not in recorded:
        pytest.skip("there is no window of this clip")
    about = json.loads((SHARED / "parity" / "goldens_public.json").read_text())["meta"]
    example = about["stage3_example"]
    first_frame = int(25 * example["v_start_i_sec"])
    first_sample = int(16000 * (example["v_start_i_sec"] + example["offset_sec"]))
    cut = Cut(
        tuple(first_frame + 8 * i for i in range(13)),
        tuple(first_sample + 5120 * i for i in range(13)),
        example["offset_sec"],
        example["sync_target"],
    )
    sample = plain_sample(clip, cut)
    video = at_recorded_places(sample["video"])
    np.testing.assert_array_equal(video, recorded[f"{clip_name}/stage3/video_at"])
    np.testing.assert_allclose(sample["mel"], recorded[f"{clip_name}/stage3/mel"], atol=2e-4)
