import json
from collections.abc import Callable
from dataclasses import asdict, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from core.detection.config import DetectionConfig
from core.detection.crop_plan import CENTRE, CropPlan, ShotSquare, Square
from core.detection.detect import detect
from core.detection.engines.classical import ClassicalEngine
from core.detection.engines.open import EngineChoice, open_engine
from core.detection.evidence import ClassLogits, evidence_from_classes
from core.detection.result import (
    Coverage,
    Detection,
    OffsetEstimate,
    Opinion,
    Reason,
    Stop,
    Verdict,
)
from core.detection.serialize import (
    detection_from_json,
    detection_to_json,
)
from core.detection.sync_map import DriftCause, MapKind, Piece, SyncMap
from core.detection.windows import Window
from core.media.info import AudioStream, MediaInfo, OtherStream, VideoStream
from core.timing import TOLERANCES, TimeSpan, tolerance_named

INFO = MediaInfo(
    path=Path("some clip.mkv"),
    container="matroska,webm",
    duration_s=12.345678901234,
    size_bytes=123456,
    videos=(
        VideoStream(
            0, "h264", 640, 360, Fraction(30000, 1001), Fraction(1, 90000), 0.04, None, 90, True,
            False,
        ),
        VideoStream(
            2, "mjpeg", 64, 64, None, Fraction(1, 1000), 0.0, 1.5, 0, False, True
        ),
    ),
    audios=(AudioStream(1, "aac", 48000, 2, Fraction(1, 48000), -0.021, 12.3, "deu"),),
    others=(OtherStream(3, "subtitle", "subrip"),),
)  # fmt: skip


def _estimate(offset_s: float) -> OffsetEstimate:
    interval_s = (offset_s - 0.1, offset_s + 1 / 3)
    return OffsetEstimate(offset_s, interval_s, 0.9, 0.87, Verdict.OUT_OF_SYNC, Reason.NONE, 2)


def _with_classes(config: DetectionConfig) -> Detection:
    rng = np.random.default_rng(0)
    evidence = tuple(
        evidence_from_classes(
            Window(i, 2 + 8 * i),
            ClassLogits(0.0, rng.normal(size=21).astype(np.float32)),
            config.range_s,
        )
        for i in range(2)
    )
    return Detection(
        info=INFO,
        config=config,
        opinion=Opinion("Synchformer", "some-id", _estimate(0.1 + 0.2)),
        second_opinion=Opinion("classical estimate", "classical", _estimate(-0.2)),
        evidence=evidence,
        video_stream_index=0,
        audio_stream_index=1,
        warnings=("First.", "Second."),
        elapsed_s=1.23456789,
        coverage=Coverage((TimeSpan(0.08, 4.88), TimeSpan(9.6, 14.4)), Stop.PRECISE),
    )


def _round_trip(detection: Detection) -> Detection:
    return detection_from_json(json.loads(json.dumps(detection_to_json(detection))))


def _assert_same(one: Detection, other: Detection) -> None:
    assert (one.info, one.config, one.opinion) == (other.info, other.config, other.opinion)
    assert one.second_opinion == other.second_opinion
    assert (one.video_stream_index, one.audio_stream_index) == (
        other.video_stream_index,
        other.audio_stream_index,
    )
    assert (one.warnings, one.elapsed_s) == (other.warnings, other.elapsed_s)
    assert one.coverage == other.coverage
    for a, b in zip(one.evidence, other.evidence, strict=True):
        assert (a.window, a.resolution_s) == (b.window, b.resolution_s)
        np.testing.assert_array_equal(a.axis_s, b.axis_s)
        np.testing.assert_array_equal(a.log_likelihood, b.log_likelihood)
        assert a.synchronizability == b.synchronizability
        assert (a.posterior is None) == (b.posterior is None)
        if a.posterior and b.posterior:
            np.testing.assert_array_equal(a.posterior.logits, b.posterior.logits)
            assert a.posterior.audio_shift_s == b.posterior.audio_shift_s


@pytest.mark.parametrize(
    "config",
    [
        DetectionConfig(),
        DetectionConfig(tolerance=TOLERANCES[4], range_s=1.3, audio_stream_index=1),
        DetectionConfig(window_start_s=1.16, simulate_offset_s=-0.6),
    ],
)
def test_class_detection_survives_the_round_trip_exactly(config: DetectionConfig) -> None:
    detection = _with_classes(config)
    _assert_same(_round_trip(detection), detection)


@pytest.mark.parametrize("range_s", [1.0, 8.0])
def test_built_in_detection_survives_the_round_trip_exactly(
    make_clip: Callable[..., Path], builtin_weights: Path, range_s: float
) -> None:
    config = DetectionConfig(range_s=range_s)
    detection = detect(make_clip(duration_s=6.0), open_engine(EngineChoice("builtin")), config)
    assert detection.estimate.synchronizability is not None
    assert all(item.posterior is not None for item in detection.evidence)
    _assert_same(_round_trip(detection), detection)


def test_likelihood_that_follows_from_the_classes_is_not_written() -> None:
    document = detection_to_json(_with_classes(DetectionConfig(range_s=1.3)))
    assert "log_likelihood" not in json.dumps(document)


def test_classical_detection_survives_the_round_trip_exactly(
    make_clip: Callable[..., Path],
) -> None:
    detection = detect(make_clip(duration_s=6.0), ClassicalEngine(), DetectionConfig(range_s=1.0))
    _assert_same(_round_trip(detection), detection)


def test_document_names_units_and_holds_the_logits() -> None:
    document = detection_to_json(_with_classes(DetectionConfig(window_start_s=1.16)))
    assert document["offset_s"] == 0.1 + 0.2
    assert document["verdict"] == "out of sync"
    assert document["model_id"] == "some-id"
    assert document["offset_grid_s"] == [round(-2 + 0.2 * i, 1) for i in range(21)]
    assert document["crop_start_s"] == 28 / 25
    windows = document["windows"]
    assert isinstance(windows, list)
    assert len(windows[0]["logits"]) == 21
    assert (windows[0]["start_s"], windows[0]["end_s"]) == (0.08, 4.88)
    assert document["file"]["videos"][0]["frame_rate"] == "30000/1001"  # type: ignore[index]


def test_document_of_another_version_is_refused() -> None:
    document = detection_to_json(_with_classes(DetectionConfig()))
    with pytest.raises(ValueError, match="version 99"):
        detection_from_json({**document, "version": 99})
    with pytest.raises(ValueError, match="version"):
        detection_from_json({})


def test_incomplete_document_is_refused() -> None:
    document = detection_to_json(_with_classes(DetectionConfig()))
    del document["windows"]
    with pytest.raises(ValueError, match="incomplete"):
        detection_from_json(document)


def test_a_value_of_another_type_is_named() -> None:
    document = detection_to_json(_with_classes(DetectionConfig()))
    with pytest.raises(ValueError, match=r"damaged: Expected `float`.*interval_s\[1\]"):
        detection_from_json({**document, "interval_s": [0.1, "wide"]})


def test_numbers_of_numpy_are_numbers() -> None:
    detection = _with_classes(DetectionConfig())
    estimate = replace(detection.estimate, offset_s=np.float64(0.25))
    document = detection_to_json(replace(detection, opinion=Opinion("a", "b", estimate)))
    assert json.dumps(document["offset_s"]) == "0.25"


def test_unknown_options_are_refused_with_the_known_ones() -> None:
    document = detection_to_json(_with_classes(DetectionConfig()))
    config = {**asdict(DetectionConfig()), "colour": "red"}
    with pytest.raises(ValueError, match=r"colour.*tolerance"):
        detection_from_json({**document, "config": config})


@pytest.mark.parametrize("reason", Reason)
def test_reasons_and_custom_tolerances_survive_the_round_trip(reason: Reason) -> None:
    detection = _with_classes(DetectionConfig(tolerance=tolerance_named("40/60")))
    estimate = replace(detection.estimate, verdict=Verdict.CANNOT_TELL, reason=reason)
    analyzed = replace(detection, opinion=replace(detection.opinion, estimate=estimate))

    back = _round_trip(analyzed)

    assert back.estimate.reason is reason
    assert back.config.tolerance == tolerance_named("40/60")


def _piece(start_s: float, end_s: float, offset_s: float) -> Piece:
    interval_s = (offset_s - 0.1, offset_s + 1 / 3)
    return Piece(TimeSpan(start_s, end_s), offset_s, offset_s / 3, interval_s, interval_s, 0.7)


@pytest.mark.parametrize(
    "sync_map",
    [
        None,
        SyncMap(MapKind.JUMPS, (_piece(0.1, 4.2, 0.3), _piece(4.2, 9.9, -0.1))),
        SyncMap(
            MapKind.DRIFT,
            (_piece(0.1, 9.9, 1 / 7),),
            -1001.1,
            (-1100.5, -900.25),
            DriftCause.NTSC_AS_WHOLE,
        ),
    ],
)
def test_sync_map_survives_the_round_trip_exactly(sync_map: SyncMap | None) -> None:
    detection = replace(_with_classes(DetectionConfig()), sync_map=sync_map)

    assert _round_trip(detection).sync_map == sync_map


@pytest.mark.parametrize(
    "plan", [CENTRE, CropPlan((ShotSquare(0, None), ShotSquare(40, Square(8, 16, 128))))]
)
def test_plan_is_written_and_read_without_loss(plan: CropPlan) -> None:
    detection = replace(_with_classes(DetectionConfig()), crops=(plan,))
    assert _round_trip(detection).crops == (plan,)
