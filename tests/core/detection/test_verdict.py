import pytest

from core.detection.result import OffsetEstimate, Reason, Verdict
from core.detection.syncmap.pieces import MapKind, Piece, SyncMap
from core.detection.verdict import judge_clip
from core.timing import TimeSpan, Tolerance

TOLERANCE = Tolerance("test", "Test", 0.1, 0.1)


def _estimate(reason: Reason) -> OffsetEstimate:
    return OffsetEstimate(0.0, (-0.6, 0.6), 0.9, 0.2, Verdict.CANNOT_TELL, reason, 50)


def _jumps(*offsets_s: float) -> SyncMap:
    pieces = tuple(
        Piece(TimeSpan(20.0 * n, 20.0 * n + 20), x, x, (x - 0.03, x + 0.03), (x - 0.03, x + 0.03))
        for n, x in enumerate(offsets_s)
    )
    return SyncMap(MapKind.JUMPS, pieces, confidence=0.97)


@pytest.mark.parametrize("reason", [Reason.NOT_CONFIDENT, Reason.DISAGREE, Reason.TOO_COARSE])
def test_sure_map_says_what_one_offset_cannot(reason: Reason) -> None:
    found = judge_clip(_estimate(reason), _jumps(0.0, 0.3), TOLERANCE)
    assert (found.verdict, found.reason) == (Verdict.OUT_OF_SYNC, Reason.NONE)
    assert found.confidence == 0.97


@pytest.mark.parametrize("reason", [Reason.NO_MOTION, Reason.SILENCE])
def test_nothing_is_mapped_where_there_is_nothing_to_compare(reason: Reason) -> None:
    found = judge_clip(_estimate(reason), _jumps(0.0, 0.3), TOLERANCE)
    assert (found.verdict, found.reason) == (Verdict.CANNOT_TELL, reason)


def test_map_close_to_the_limit_cannot_tell() -> None:
    found = judge_clip(_estimate(Reason.DISAGREE), _jumps(0.0, 0.09), TOLERANCE)
    assert (found.verdict, found.reason) == (Verdict.CANNOT_TELL, Reason.TOO_COARSE)
