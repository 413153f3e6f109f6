from fractions import Fraction

import pytest

from core.correction.retiming import RetimedPiece, Retiming

MS = Fraction(1, 1000)


def test_stretching_leaves_the_fixed_moment_where_it_is() -> None:
    retiming = Retiming.stretched(Fraction(1001, 1000), Fraction(5))
    assert retiming.target_of(Fraction(5)) == 5
    assert retiming.target_of(Fraction(1005)) == 1006
    assert retiming.is_stretched


def test_sound_that_moves_back_is_cut_where_the_picture_changes() -> None:
    before, after = Retiming.moved([300 * MS, -300 * MS], [Fraction(30)]).pieces
    assert (before.begin_s, before.end_s) == (None, Fraction(297, 10))
    assert (after.begin_s, after.end_s) == (Fraction(303, 10), None)
    assert before.target_of(Fraction(297, 10)) == after.target_of(Fraction(303, 10)) == 30


def test_a_gap_opens_around_the_change_where_sound_moves_on() -> None:
    before, after = Retiming.moved([-300 * MS, 300 * MS], [Fraction(30)]).pieces
    assert before.end_s == after.begin_s == 30
    assert before.target_of(Fraction(30)) == Fraction(297, 10)
    assert after.target_of(Fraction(30)) == Fraction(303, 10)


def test_each_piece_follows_its_own_delay() -> None:
    delays_s = [Fraction(0), Fraction(1), Fraction(-1)]
    retiming = Retiming.moved(delays_s, [Fraction(10), Fraction(20)])
    assert [retiming.target_of(Fraction(t)) for t in (5, 15, 25)] == [5, 16, 24]
    assert not retiming.is_stretched


def test_pieces_out_of_order_are_refused() -> None:
    with pytest.raises(ValueError, match="at least"):
        Retiming.moved([Fraction(0), Fraction(9), Fraction(0)], [Fraction(10), Fraction(11)])
    early = RetimedPiece(None, Fraction(10), Fraction(1), Fraction(0))
    late = RetimedPiece(Fraction(9), None, Fraction(1), Fraction(0))
    with pytest.raises(ValueError, match="follow"):
        Retiming((early, late))
    with pytest.raises(ValueError, match="at most 2"):
        Retiming.stretched(Fraction(3), Fraction(0))
