"""All windows recorded from the two real clips, through the whole network.

Needs the full set of numbers and the clips beside the repository; README.md says more.
"""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from core.model.checkpoints.build import build_synchformer, tower_weights
from core.model.checkpoints.checkpoint import Checkpoint
from core.model.checkpoints.kind import CheckpointKind
from core.model.synchformer.inputs import audio_input, centre_crop, video_input
from core.model.synchformer.synchformer import Synchformer, segment_embeddings
from tests.golden.stand_in import published_shapes, stand_in_weights

SHARED = Path(__file__).parents[3] / "shared"
CLIPS = ("3qesirWAGt4_20000_30000", "00018")
WINDOWS = (("0.00", "+0.00"), ("0.00", "+1.60"), ("4.00", "-2.00"))

pytestmark = [
    pytest.mark.golden,
    pytest.mark.slow,
    pytest.mark.skipif(not (SHARED / "parity").is_dir(), reason="full goldens are not here"),
    pytest.mark.skipif(not (SHARED / "clips").is_dir(), reason="real clips are not here"),
]

Clip = tuple[NDArray[np.uint8], NDArray[np.float32]]


@pytest.fixture(scope="module")
def recorded() -> Iterator[np.lib.npyio.NpzFile]:
    with np.load(SHARED / "parity" / "goldens_public.npz") as arrays:
        yield arrays


@pytest.fixture(scope="module", params=[torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
def models(request: pytest.FixtureRequest) -> list[Synchformer]:
    """The offset model and the synchronizability model; their towers are the same."""
    return [build(kind, request.param) for kind in ("sync", "synchability")]


def build(kind: str, dtype: torch.dtype) -> Synchformer:
    weights = stand_in_weights(published_shapes(kind))
    checkpoint = Checkpoint(CheckpointKind(kind), weights, info={}, path=Path(kind))
    return build_synchformer(checkpoint, device=torch.device("cpu"), dtype=dtype)


def read(clip: str) -> Clip:
    """Return all frames, cropped to 224 px, and the mono waveform of a 25 fps, 16 kHz file."""
    path = SHARED / "clips" / f"{clip}.mp4"
    with av.open(path) as container:
        frames = [frame.to_rgb().to_ndarray() for frame in container.decode(video=0)]
    with av.open(path) as container:
        audio = [frame.to_ndarray().mean(axis=0) for frame in container.decode(audio=0)]
    return centre_crop(np.stack(frames).astype(np.uint8)), np.concatenate(audio).astype(np.float32)


@torch.inference_mode()
def encode_video(model: Synchformer, video: torch.Tensor) -> torch.Tensor:
    return torch.cat([model.encode_video(segment[None, None]) for segment in video], dim=1)


@pytest.mark.parametrize("clip", CLIPS)
@pytest.mark.parametrize("start", ["0.00", "4.00"])
@torch.inference_mode()
def test_windows_get_the_published_answers(
    clip: str, start: str, models: list[Synchformer], recorded: np.lib.npyio.NpzFile
) -> None:
    frames, waveform = read(clip)
    first_frame = int(float(start) * 25) + 2
    video = video_input(
        np.stack([frames[first_frame + 8 * i :][:16] for i in range(14)]),
    )
    visual = encode_video(models[0], video)
    is_reduced = models[0].vfeat_extractor.cls_token.dtype is not torch.float32
    check_features(visual[0], recorded[f"{clip}/start{start}/visual_features"], is_reduced)
    for offset in (offset for at, offset in WINDOWS if at == start):
        name = f"{clip}/start{start}_offset{offset}"
        first = int((float(start) + float(offset)) * 16000) + 1280
        samples = np.stack([waveform[first + 5120 * i :][:10240] for i in range(14)])
        mel = audio_input(samples)
        np.testing.assert_allclose(mel, recorded[f"{name}/mel"], rtol=0, atol=2e-4)
        audio = models[0].encode_audio(mel[None])
        check_features(audio[0], recorded[f"{name}/audio_features"], is_reduced)
        logits = models[0].fuse(visual, audio)[0]
        check_answer(logits, recorded[f"{name}/logits"], is_reduced)
        logits = models[1].fuse(visual[:, :13], audio[:, :13])[0]
        check_answer(logits, recorded[f"{name}/sync_logits"], is_reduced)


def check_features(features: torch.Tensor, expected: NDArray[np.float32], is_reduced: bool) -> None:
    reference = torch.from_numpy(expected)
    assert (features - reference).norm() / reference.norm() < (2e-2 if is_reduced else 5e-6)
    if not is_reduced:
        torch.testing.assert_close(features, reference, rtol=0, atol=5e-5)


def check_answer(logits: torch.Tensor, expected: NDArray[np.float32], is_reduced: bool) -> None:
    reference = torch.from_numpy(expected)
    assert logits.argmax() == reference.argmax()
    atol = 1e-2 if is_reduced else 5e-5
    torch.testing.assert_close(logits.softmax(0), reference.softmax(0), rtol=0, atol=atol)
    if not is_reduced:
        torch.testing.assert_close(logits, reference, rtol=0, atol=2e-4)


@torch.inference_mode()
def test_contrastive_embeddings_are_the_published_ones(recorded: np.lib.npyio.NpzFile) -> None:
    weights = tower_weights(stand_in_weights(published_shapes("avclip")))
    model = Synchformer().eval()
    loaded = model.load_state_dict(weights, strict=False, assign=True)
    assert not loaded.unexpected_keys
    assert {name.partition(".")[0] for name in loaded.missing_keys} == {
        "vproj",
        "aproj",
        "transformer",
    }
    # The first two of the 14 segments of each clip, which do not overlap and lie in its middle.
    rows = torch.tensor([0, 1, 14, 15])
    videos, mels = [], []
    for frames, waveform in map(read, CLIPS):
        first = (min(len(frames), 250) - 224) // 2  # of the first 10 s
        segments = frames[first : first + 32].reshape(1, 2, 16, 224, 224, 3)
        # Evaluation of this stage normalises in float32.
        video = torch.from_numpy(segments).float() / 255 * 2 - 1
        videos.append(video.movedim(-1, -3))
        mels.append(audio_input(waveform[640 * first :][:20480].reshape(1, 2, 10240)))
    for features, name in (
        (model.encode_video(torch.cat(videos)), "visual"),
        (model.encode_audio(torch.cat(mels)), "audio"),
    ):
        embeddings = segment_embeddings(features).flatten(0, 1)
        expected = recorded[f"stage1/{name}_embeddings"][rows]
        np.testing.assert_allclose(embeddings, expected, rtol=0, atol=1e-6)
