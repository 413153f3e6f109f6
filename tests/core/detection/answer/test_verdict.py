from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from core.detection.answer.verdict import clip_verdict, with_tolerance
from core.detection.detect import detect
from core.detection.engines.classical import ClassicalEngine
from core.detection.result import OffsetEstimate, Reason, Verdict
from core.detection.sync_map import MapKind, Piece, SyncMap
from core.timing import TimeSpan, Tolerance, tolerance_named

MakeClip = Callable[..., Path]

TOLERANCE = Tolerance("test", "Test", 0.1, 0.1)
GENEROUS = Tolerance("generous", "Generous", 1.5, 1.5)


def _estimate(reason: Reason) -> OffsetEstimate:
    return OffsetEstimate(0.0, (-0.6, 0.6), 0.9, 0.2, Verdict.CANNOT_TELL, reason, 50)


def _jumps(*offsets_s: float) -> SyncMap:
    pieces = tuple(
        Piece(TimeSpan(20.0 * n, 20.0 * n + 20), x, x, (x - 0.03, x + 0.03), (x - 0.03, x + 0.03))
        for n, x in enumerate(offsets_s)
    )
    return SyncMap(MapKind.JUMPS, pieces, confidence=0.97)


def _piece(first_s: float, last_s: float | None = None) -> Piece:
    last_s = first_s if last_s is None else last_s
    intervals = ((first_s - 0.02, first_s + 0.02), (last_s - 0.02, last_s + 0.02))
    return Piece(TimeSpan(0, 60), first_s, last_s, *intervals)


@pytest.mark.parametrize(
    ("kind", "pieces", "verdict"),
    [
        (MapKind.DRIFT, (_piece(0.05, -0.05),), Verdict.IN_SYNC),
        (MapKind.DRIFT, (_piece(0.05, -0.13),), Verdict.OUT_OF_SYNC),
        (MapKind.DRIFT, (_piece(0.05, -0.09),), Verdict.CANNOT_TELL),
        (MapKind.JUMPS, (_piece(0.0), _piece(0.2)), Verdict.OUT_OF_SYNC),
        (MapKind.JUMPS, (_piece(0.0), _piece(0.05)), Verdict.IN_SYNC),
    ],
)
def test_worst_moment_decides_the_verdict(
    kind: MapKind, pieces: tuple[Piece, ...], verdict: Verdict
) -> None:
    found = clip_verdict(_estimate(Reason.DISAGREE), SyncMap(kind, pieces), TOLERANCE)
    assert found.verdict is verdict


@pytest.mark.parametrize("reason", [Reason.NOT_CONFIDENT, Reason.DISAGREE, Reason.TOO_COARSE])
def test_confident_map_replaces_the_verdict_on_one_offset(reason: Reason) -> None:
    found = clip_verdict(_estimate(reason), _jumps(0.0, 0.3), TOLERANCE)
    assert (found.verdict, found.reason) == (Verdict.OUT_OF_SYNC, Reason.NONE)
    assert found.confidence == 0.97


@pytest.mark.parametrize("reason", [Reason.NO_MOTION, Reason.SILENCE])
def test_map_without_motion_or_audio_is_ignored(reason: Reason) -> None:
    found = clip_verdict(_estimate(reason), _jumps(0.0, 0.3), TOLERANCE)
    assert (found.verdict, found.reason) == (Verdict.CANNOT_TELL, reason)


def test_map_close_to_the_limit_cannot_tell() -> None:
    found = clip_verdict(_estimate(Reason.DISAGREE), _jumps(0.0, 0.09), TOLERANCE)
    assert (found.verdict, found.reason) == (Verdict.CANNOT_TELL, Reason.TOO_COARSE)


def test_tolerance_changes_the_verdict_only(make_clip: MakeClip) -> None:
    first = detect(make_clip(offset_s=0.3, duration_s=6.0), ClassicalEngine())
    again = with_tolerance(first, GENEROUS)

    assert first.estimate.verdict is Verdict.OUT_OF_SYNC
    assert again.estimate.verdict is Verdict.IN_SYNC
    assert again.config == replace(first.config, tolerance=GENEROUS)
    verdict = {"verdict": first.estimate.verdict, "reason": first.estimate.reason}
    assert replace(again.estimate, **verdict) == first.estimate


def test_wider_tolerance_decides_a_close_answer(make_clip: MakeClip) -> None:
    first = detect(make_clip(offset_s=0.3, duration_s=6.0), ClassicalEngine())
    limit_s = first.estimate.offset_s
    close = with_tolerance(first, Tolerance("close", "Close", limit_s, limit_s))

    assert close.estimate.reason is Reason.TOO_COARSE
    assert with_tolerance(close, GENEROUS).estimate == with_tolerance(first, GENEROUS).estimate


@pytest.mark.parametrize(
    ("options", "reason"), [({"silent": True}, Reason.SILENCE), ({"still": True}, Reason.NO_MOTION)]
)
def test_silent_or_still_clip_cannot_tell_for_any_tolerance(
    make_clip: MakeClip, options: dict[str, bool], reason: Reason
) -> None:
    first = detect(make_clip(duration_s=6.0, **options), ClassicalEngine())
    again = with_tolerance(first, tolerance_named("bt1359-accept"))

    assert first.estimate.reason is reason
    assert again.estimate.reason is reason
    assert again.estimate.verdict is Verdict.CANNOT_TELL
