"""Detection of a part of a clip, and of as much of it as is needed."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch

from core.detection.cache.blob_store import BlobStore
from core.detection.cache.clip_features import ClipFeatures
from core.detection.config import DetectionConfig
from core.detection.detect import detect
from core.detection.engines.base import Engine
from core.detection.engines.classical import ClassicalEngine
from core.detection.engines.lag import LagEngine
from core.detection.engines.synchformer.engine import SynchformerEngine
from core.detection.result import Detection, Stop
from core.detection.schedule.budget import LONG_FOR_FAST_S, LONG_S, USUAL_UNTIL_S, with_early_stop
from core.detection.serialize import detection_from_json, detection_to_json
from core.errors import DetectionError
from core.model.builtin.file import About, BuiltinModel, Calibration
from core.model.builtin.lag_net import LagNet, LagSizes
from core.model.synchformer.synchformer import Synchformer
from core.progress import Progress

MakeClip = Callable[..., Path]
AMPLE_S = 3600.0
ONE_PASS = DetectionConfig(shift_step_s=0.0, hop_s=0.96, end_s=46.0)
"""Few questions to the network; long enough for three stretches."""

WIDE = DetectionConfig(
    shift_step_s=0.0, hop_s=1.92, end_s=32.0, range_s=4.0, crop="centre", budget_s=AMPLE_S
)
"""Two stretches, in which offsets reach beyond the classes."""

NEAR_S = 0.04
"""As near as the classical estimate comes to the truth with flashes and beeps."""


class SmallNetwork:
    """Has the methods of Synchformer; features are means, so each shows what it was made of."""

    def encode_video(self, video: torch.Tensor) -> torch.Tensor:
        return video.mean(dim=(3, 4, 5))[:, :, ::2, None].repeat(1, 1, 1, 4)

    def encode_audio(self, mel: torch.Tensor) -> torch.Tensor:
        return mel.mean(dim=3)[..., :6].transpose(2, 3).repeat(1, 1, 1, 4)

    def fuse(self, visual: torch.Tensor, audio: torch.Tensor) -> torch.Tensor:
        mixed = visual.mean(dim=(2, 3)) + audio.mean(dim=(2, 3))  # (B, 14)
        return torch.cat([mixed, mixed.flip(1)[:, :7]], dim=1)


class Recorder:
    def __init__(self) -> None:
        self.fractions: list[float] = []

    def report(self, progress: Progress) -> None:
        assert progress.fraction is not None
        self.fractions.append(progress.fraction)

    def check(self) -> None:
        pass


def _class_engine() -> SynchformerEngine:
    model = cast(Synchformer, SmallNetwork())
    return SynchformerEngine(model, "small", "small", torch.device("cpu"), torch.float32, 8)


def _tiny_engine() -> LagEngine:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = LagNet(LagSizes(4, 8, 8, 2, 4, 8, 8, 16))
    network.eval().requires_grad_(requires_grad=False)
    return LagEngine(BuiltinModel(network, Calibration(), About("none", 0, "random")))


def _starts(detection: Detection) -> list[int]:
    return [item.window.first_frame for item in detection.evidence]


def test_a_region_restricts_the_windows_and_keeps_clip_time(make_clip: MakeClip) -> None:
    config = DetectionConfig(start_s=3.0, end_s=11.0)
    detection = detect(make_clip(offset_s=0.2, duration_s=14.0), ClassicalEngine(), config)
    assert detection.evidence[0].window.first_frame == 77
    assert detection.evidence[-1].window.end_frame <= 275
    (span,) = detection.coverage.spans
    assert (span.start_s, span.end_s) == pytest.approx((3.08, 11.0), abs=0.32)
    assert detection.coverage.stop is Stop.COMPLETE
    assert detection.estimate.offset_s == pytest.approx(0.2, abs=NEAR_S)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"start_s": 6.0}, "is 5.0 s long"),
        ({"start_s": 2.0, "end_s": 2.4}, r"less than 0\.64 s .* choose a longer part"),
    ],
)
def test_a_region_without_enough_of_the_clip_is_a_sentence(
    make_clip: MakeClip, options: dict[str, Any], said: str
) -> None:
    clip = make_clip(duration_s=5.0)
    with pytest.raises(DetectionError, match=said) as caught:
        detect(clip, ClassicalEngine(), DetectionConfig(**options))
    assert clip.name in caught.value.message


def test_a_region_that_ends_behind_the_clip_is_told(make_clip: MakeClip) -> None:
    config = DetectionConfig(start_s=1.0, end_s=60.0)
    detection = detect(make_clip(duration_s=8.0), ClassicalEngine(), config)
    assert any("ends at 8.0 s" in warning for warning in detection.warnings)


def test_an_easy_clip_is_left_early_with_the_same_answer(long_clip: Path) -> None:
    recorder = Recorder()
    config = DetectionConfig(until_s=0.08, hop_s=0.64)
    detection = detect(long_clip, ClassicalEngine(), config, recorder)
    assert detection.coverage.stop is Stop.PRECISE
    assert detection.coverage.analyzed_s < 55
    assert detection.estimate.offset_s == pytest.approx(0.2, abs=NEAR_S)
    assert recorder.fractions == sorted(recorder.fractions)
    assert recorder.fractions[-1] == 1.0
    first, *_, last = detection.coverage.spans
    assert first.start_s < 1
    assert last.end_s > 59
    again = detection_from_json(detection_to_json(detection))
    assert again.coverage == detection.coverage


def test_all_stretches_together_are_one_pass(long_clip: Path) -> None:
    whole_engine, engine = _class_engine(), _class_engine()
    whole = detect(long_clip, whole_engine, ONE_PASS)
    config = replace(ONE_PASS, budget_s=AMPLE_S)
    published: list[int] = []
    detection = detect(
        long_clip, engine, config, on_evidence=lambda e: published.append(e.window.first_frame)
    )
    assert detection.coverage.stop is Stop.COMPLETE
    assert _starts(detection) == _starts(whole)
    assert sorted(published) == _starts(whole)
    assert published != sorted(published)
    for one, other in zip(detection.evidence, whole.evidence, strict=True):
        assert one.window == other.window
        np.testing.assert_allclose(one.log_likelihood, other.log_likelihood, atol=1e-5)
    assert engine.n_visual_encoded == whole_engine.n_visual_encoded


@pytest.mark.slow
@pytest.mark.parametrize(
    ("open_one", "tolerance"),
    [
        (_class_engine, 1e-5),
        (_tiny_engine, 1e-5),
        # Trends are taken of a second of motion around, which a stretch does not have at its ends,
        # and levels are relative to the loudest sound so far. Likelihoods here span 15.
        (ClassicalEngine, 0.5),
    ],
    ids=["classes", "lags", "classical"],
)
def test_windows_hear_what_lies_beyond_their_stretch(
    long_clip: Path, open_one: Callable[[], Engine], tolerance: float
) -> None:
    whole = detect(long_clip, open_one(), replace(WIDE, budget_s=None))
    chunks = detect(long_clip, open_one(), WIDE)
    assert _starts(chunks) == _starts(whole)
    for one, other in zip(chunks.evidence, whole.evidence, strict=True):
        np.testing.assert_allclose(one.log_likelihood, other.log_likelihood, atol=tolerance)
    assert chunks.estimate.offset_s == pytest.approx(whole.estimate.offset_s)


def test_a_region_is_analyzed_with_the_sound_beyond_it(long_clip: Path) -> None:
    wide = replace(WIDE, end_s=16.0, budget_s=None)
    region = replace(wide, start_s=2 * WIDE.hop_s, end_s=12.0)
    for engine in (_class_engine(), _tiny_engine()):
        whole = {e.window.first_frame: e for e in detect(long_clip, engine, wide).evidence}
        *on_grid, last = detect(long_clip, engine, region).evidence
        assert last.window.end_frame <= 300
        assert len(on_grid) == 2
        for item in on_grid:
            expected = whole[item.window.first_frame].log_likelihood
            np.testing.assert_allclose(item.log_likelihood, expected, atol=1e-5)


def test_stretches_lie_on_the_grid_of_sound_that_begins_late(make_clip: MakeClip) -> None:
    clip = make_clip("clip.mkv", audio_start_s=0.5, duration_s=30.0, size=(160, 128))
    config = DetectionConfig(hop_s=0.64)
    whole = detect(clip, ClassicalEngine(), config)
    config = replace(config, budget_s=AMPLE_S)
    assert _starts(detect(clip, ClassicalEngine(), config)) == _starts(whole)


def test_no_time_at_all_still_gives_an_answer(long_clip: Path) -> None:
    detection = detect(long_clip, ClassicalEngine(), DetectionConfig(budget_s=0.01))
    assert detection.coverage.stop is Stop.BUDGET
    assert detection.coverage.analyzed_s < 20
    assert detection.evidence


def test_a_hasty_detection_leaves_long_clips_only() -> None:
    hasty, fast, slow = DetectionConfig(stops_early=True), ClassicalEngine(), _class_engine()
    assert with_early_stop(hasty, slow, LONG_S + 1).until_s == USUAL_UNTIL_S
    assert with_early_stop(hasty, fast, LONG_FOR_FAST_S + 1).until_s == USUAL_UNTIL_S
    assert with_early_stop(hasty, slow, LONG_S - 1).until_s is None
    assert with_early_stop(hasty, fast, LONG_S + 1).until_s is None
    assert with_early_stop(DetectionConfig(), slow, LONG_S + 1).until_s is None
    short = DetectionConfig(stops_early=True, start_s=10, end_s=60)
    assert with_early_stop(short, slow, LONG_S + 1).until_s is None
    stated = DetectionConfig(stops_early=True, budget_s=5)
    assert with_early_stop(stated, slow, LONG_S + 1).until_s is None


def test_pictures_are_told_apart_where_an_audio_stream_begins_earlier(
    make_clip: MakeClip, tmp_path: Path
) -> None:
    """Clip time begins with the sound; features of a picture must follow it."""
    late_picture = make_clip("late.mkv", video_start_s=0.64, duration_s=7.0)
    store = BlobStore(tmp_path / "features.sqlite3", 100_000_000)
    config = replace(ONE_PASS, end_s=6.0)
    with closing(ClipFeatures(store, "clip")) as features:
        expected = detect(late_picture, _class_engine(), config, features=features)
    anew = ClipFeatures(store, "clip")
    kept = [frame for frame in range(-20, 150) if anew.get(frame, None) is not None]
    assert min(kept) == expected.evidence[0].window.first_frame - 16


@pytest.mark.slow
def test_three_minutes_are_analyzed_by_a_third(make_clip: MakeClip) -> None:
    clip = make_clip(offset_s=-0.4, duration_s=180.0, size=(160, 128))
    detection = detect(clip, ClassicalEngine(), DetectionConfig(until_s=0.08))
    assert detection.coverage.stop is Stop.PRECISE
    assert detection.coverage.analyzed_s < 75
    whole = detect(clip, ClassicalEngine())
    assert detection.estimate.offset_s == pytest.approx(whole.estimate.offset_s, abs=0.011)
