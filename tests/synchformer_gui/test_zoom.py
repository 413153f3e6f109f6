from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.detection.config import DetectionConfig
from core.detection.evidence import OffsetEvidence, offset_axis
from core.detection.result import Coverage, Detection, OffsetEstimate, Opinion, Reason, Verdict
from core.detection.sync_map import MapKind, Piece, SyncMap
from core.detection.windows import Window
from core.media.info import MediaInfo
from core.timing import TimeSpan, tolerance_named
from synchformer_gui.zoom import LEAST_MARGIN_S, close_up_s


def detection(offset_s=0.16, margin_s=0.03, reason=Reason.NONE, range_s=2.0):
    verdict = Verdict.CANNOT_TELL if reason else Verdict.OUT_OF_SYNC
    interval_s = (offset_s - margin_s, offset_s + margin_s)
    estimate = OffsetEstimate(offset_s, interval_s, 0.9, 0.98, verdict, reason, 9)
    axis_s = offset_axis(range_s)
    evidence = OffsetEvidence(Window(0, 0), axis_s, np.zeros(len(axis_s), np.float32), 0.03)
    return Detection(
        info=MediaInfo(Path("a.mp4"), "mov", 60.0, 1, (), (), ()),
        config=DetectionConfig(range_s=range_s),
        opinion=Opinion("built-in model", "builtin", estimate),
        second_opinion=None,
        evidence=(evidence,),
        video_stream_index=0,
        audio_stream_index=1,
        warnings=(),
        elapsed_s=1.0,
        coverage=Coverage(()),
    )


def shown_s(found):
    close_s = close_up_s(found)
    assert close_s is not None
    return close_s


def jumps(*offsets_s):
    pieces = tuple(
        Piece(TimeSpan(n, n + 1), one, one, (one, one), (one, one))
        for n, one in enumerate(offsets_s)
    )
    return SyncMap(MapKind.JUMPS, pieces)


@pytest.mark.parametrize("tolerance", ["bt1359", "atsc-is191", "40/60"])
def test_limits_that_are_near_are_shown_with_the_interval(tolerance):
    config = DetectionConfig(tolerance=tolerance_named(tolerance))
    low_s, high_s = shown_s(replace(detection(), config=config))
    assert low_s < -config.tolerance.late_s
    assert high_s >= 0.19 + LEAST_MARGIN_S
    assert high_s - low_s < 0.6


@pytest.mark.parametrize("offset_s", [-1.4, 1.4])
def test_far_from_the_limits_the_interval_is_shown_alone(offset_s):
    low_s, high_s = shown_s(detection(offset_s))
    assert low_s < offset_s - 0.03
    assert high_s > offset_s + 0.03
    assert high_s - low_s < 0.3


def test_nothing_is_shown_that_was_not_looked_for():
    low_s, high_s = shown_s(detection(1.99))
    assert low_s == pytest.approx(1.86)
    assert high_s == pytest.approx(2.0)


def test_all_that_a_changing_offset_goes_through_is_shown():
    low_s, high_s = shown_s(replace(detection(), sync_map=jumps(0.1, -0.3, 0.0)))
    assert low_s < -0.3
    assert high_s > 0.1


@pytest.mark.parametrize(
    "wide",
    [
        detection(reason=Reason.SILENCE),
        detection(reason=Reason.NOT_CONFIDENT),
        detection(0.0, margin_s=1.0),
        replace(detection(), sync_map=jumps(1.0, -1.0)),
        detection(0.0, range_s=0.2),
    ],
)
def test_where_nothing_would_be_gained_there_is_no_close_up(wide):
    assert close_up_s(wide) is None


def test_a_close_call_has_a_close_up():
    assert close_up_s(detection(0.05, reason=Reason.TOO_COARSE)) is not None
