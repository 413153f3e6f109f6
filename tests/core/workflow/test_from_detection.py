from fractions import Fraction

import pytest

from core.detection.sync_map import DriftCause, MapKind, Piece, SyncMap
from core.timing import TimeSpan
from core.workflow.from_detection import map_correction


def piece(start_s: float, end_s: float, start_offset_s: float, end_offset_s: float) -> Piece:
    span = TimeSpan(start_s, end_s)
    return Piece(span, start_offset_s, end_offset_s, (0.0, 0.0), (0.0, 0.0))


def test_a_drift_of_known_cause_is_retimed_exactly() -> None:
    line = piece(0.0, 100.0, 0.1, 0.2)
    found = SyncMap(MapKind.DRIFT, (line,), 1000.0, cause=DriftCause.WHOLE_AS_NTSC)
    correction = map_correction(found, (1,), Fraction(2))

    assert correction.retiming is not None
    assert correction.retiming.pieces[0].ratio == Fraction(1001, 1000)
    # What belongs to the middle of the clip, 50 s after its start at 2 s, gets there.
    heard_s = 2 + Fraction(50) - Fraction(15, 100)
    assert float(correction.target_of(heard_s)) == pytest.approx(52, abs=1e-4)


def test_jumps_give_each_piece_its_own_delay() -> None:
    pieces = (piece(0.0, 30.0, 0.3, 0.3), piece(30.0, 60.0, -0.3, -0.3))
    correction = map_correction(SyncMap(MapKind.JUMPS, pieces), (1, 2), Fraction(1))

    assert correction.audio_stream_indices == (1, 2)
    assert correction.target_of(Fraction(10)) == Fraction(103, 10)
    assert correction.target_of(Fraction(50)) == Fraction(497, 10)
    assert correction.retiming is not None
    assert correction.retiming.pieces[0].end_s == 31 - Fraction(3, 10)


def test_a_constant_offset_is_a_delay() -> None:
    found = SyncMap(MapKind.CONSTANT, (piece(0.0, 30.0, 0.3, 0.3),))
    correction = map_correction(found, (1,), Fraction(0))
    assert (correction.retiming, correction.audio_delay_s) == (None, Fraction(3, 10))
