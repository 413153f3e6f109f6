import json
from collections.abc import Callable
from pathlib import Path
from typing import cast

import numpy as np
import torch

from core.detection.cache.clip_features import ClipFeatures, temporary_features
from core.detection.config import DetectionConfig
from core.detection.crop_plan import CENTRE
from core.detection.detect import detect
from core.detection.engines.classical import ClassicalEngine
from core.detection.engines.synchformer.engine import SynchformerEngine
from core.detection.result import Detection
from core.detection.serialize import detection_from_json, detection_to_json
from core.media.decoder import ClipDecoder
from core.media.probe import probe
from core.model.synchformer.inputs import centre_crop, video_input
from core.model.synchformer.synchformer import Synchformer

WIDE, VERTICAL = (454, 256), (256, 454)


class _SmallNetwork:
    """Stand-in for Synchformer that records the first frame of each segment."""

    def __init__(self) -> None:
        self.frames: list[torch.Tensor] = []
        self.n_fused = 0

    def encode_video(self, video: torch.Tensor) -> torch.Tensor:
        self.frames += list(video[:, 0, 0])
        return video.mean(dim=(3, 4, 5))[:, :, ::2, None].repeat(1, 1, 1, 4)

    def encode_audio(self, mel: torch.Tensor) -> torch.Tensor:
        return mel.mean(dim=3)[..., :6].transpose(2, 3).repeat(1, 1, 1, 4)

    def fuse(self, visual: torch.Tensor, audio: torch.Tensor) -> torch.Tensor:
        self.n_fused += len(visual)
        mixed = visual.mean(dim=(2, 3)) + audio.mean(dim=(2, 3))  # (B, 14)
        return torch.cat([mixed, mixed.flip(1)[:, :7]], dim=1)


def _detect(
    clip: Path, crop: str, features: ClipFeatures | None = None, **options: float
) -> tuple[Detection, _SmallNetwork]:
    network = _SmallNetwork()
    device, dtype = torch.device("cpu"), torch.float32
    engine = SynchformerEngine(cast(Synchformer, network), "small", "small", device, dtype, 8)
    config = DetectionConfig(crop=crop, shift_step_s=0, **options)  # type: ignore[arg-type]
    return detect(clip, engine, config, features=features), network


def test_network_gets_the_square_and_the_detection_reports_it(
    make_scene: Callable[..., Path],
) -> None:
    clip = make_scene(WIDE, [(6.0, (50, 140))])
    centred, network = _detect(clip, "centre")
    assert centred.crops == (CENTRE,)
    info = probe(clip)
    with ClipDecoder(info, video_stream_index=0, audio_stream_index=1) as decoder:
        frames = np.concatenate([chunk.frames for chunk in decoder])
    expected = video_input(torch.from_numpy(centre_crop(frames[2:18]).copy())[None])[0, 0]
    assert torch.equal(network.frames[0], expected)
    moved, other_network = _detect(clip, "auto")
    (plan,) = moved.crops
    square = plan.square_at(2)
    assert square is not None
    left = square.left_px
    cut = frames[2:18, square.top_px : square.top_px + 224, left : left + 224]
    assert torch.equal(
        other_network.frames[0], video_input(torch.from_numpy(cut.copy())[None])[0, 0]
    )
    document = json.loads(json.dumps(detection_to_json(moved)))
    assert detection_from_json(document).crops == moved.crops


def test_several_squares_give_one_estimate(make_scene: Callable[..., Path]) -> None:
    clip = make_scene(VERTICAL, [(6.0, (120, 60))], has_two=True)
    several, _ = _detect(clip, "multi")
    assert len(several.crops) > 1
    assert len({item.window for item in several.evidence}) == len(several.evidence)


def test_cached_squares_wait_for_the_others(
    make_scene: Callable[..., Path],
) -> None:
    clip, memory = make_scene(VERTICAL, [(8.0, (120, 60))], has_two=True), temporary_features()
    _detect(clip, "auto", memory)
    several, _ = _detect(clip, "multi", memory)
    anew, _ = _detect(clip, "multi")
    assert len(several.crops) > 1
    for found, expected in zip(several.evidence, anew.evidence, strict=True):
        assert found.window == expected.window
        np.testing.assert_array_equal(found.log_likelihood, expected.log_likelihood)


def test_engine_with_a_whole_view_has_no_square(make_scene: Callable[..., Path]) -> None:
    clip = make_scene(WIDE, [(6.0, (50, 140))])
    assert detect(clip, ClassicalEngine(), DetectionConfig(crop="auto")).crops == ()


def test_equal_squares_of_a_shot_are_encoded_and_fused_once(
    make_scene: Callable[..., Path],
) -> None:
    # The first shot has two audio sources, the second one has one.
    clip = make_scene(WIDE, [(6.0, (50, 140)), (8.0, (400, 90))], two_in=[0])
    _, one = _detect(clip, "auto")
    several, both = _detect(clip, "multi")
    assert len(several.crops) > 1

    def n_squares(frame: int) -> int:
        return len({plan.square_at(frame) for plan in several.crops})

    assert [n_squares(frame) for frame in (100, 300)] == [len(several.crops), 1]
    windows = [item.window for item in several.evidence]
    starts = {window.first_frame + 8 * index for window in windows for index in range(14)}
    assert len(one.frames) == len(starts)
    assert len(both.frames) == sum(map(n_squares, starts))
    assert both.n_fused == sum(n_squares(window.first_frame) for window in windows)


def test_each_chunk_is_planned_just_before_its_analysis(
    make_scene: Callable[..., Path],
) -> None:
    clip = make_scene(WIDE, [(20.0, (50, 140)), (15.0, (400, 90))])
    found, _ = _detect(clip, "auto", budget_s=0.01)
    (plan,) = found.crops
    assert found.coverage.spans[-1].end_s < 20
    assert len({shot.square for shot in plan.shots}) == 1
