"""What became of picture and sound in a corrected file, as parts of sentences."""

from collections.abc import Sequence
from fractions import Fraction

from core.media.plan import Method, Move
from synchformer_gui.quantities import delay_text

LEAST_REMAINDER_S = Fraction(1, 20_000)
"""A sample or two; nobody asks for more."""


def moved_text(asked_s: Fraction, moved_s: Fraction | None = None) -> str:
    """Say by how much sound is moved: "moved 48 ms later, 8 ms later than asked for".

    Args:
        asked_s: What was asked for; positive moves it later.
        moved_s: What comes of it, where that is known.
    """
    remainder_s = Fraction(0) if moved_s is None else moved_s - asked_s
    if abs(remainder_s) < LEAST_REMAINDER_S:
        return _way_text(asked_s)
    way = "later" if remainder_s > 0 else "earlier"
    return f"{_way_text(asked_s + remainder_s)}, {tenths_text(remainder_s)} {way} than asked for"


def kept_text(moves: Sequence[Move]) -> str:
    """Say what of picture and sound is as it was.

    Args:
        moves: What happened to those audio streams that were moved or laid out anew.
    """
    methods = {move.method for move in moves}
    if Method.RETIMED in methods:
        return "all but the audio encoded again is unchanged"
    heads_s = [move.delay_s if move.n_units else Fraction(0) for move in moves]
    cut_s, silence_s = min(heads_s, default=Fraction(0)), max(heads_s, default=Fraction(0))
    if Method.DECODED in methods:
        text = "the picture is unchanged, the moved sound was decoded to PCM"
        if cut_s < 0:
            text += f" and lost its first {tenths_text(cut_s)}"
        return text
    kept = "picture and sound are unchanged"
    if cut_s < 0:
        return f"{kept} but for the first {tenths_text(cut_s)} of the sound, which were cut off"
    if silence_s > 0:
        return f"{kept} but for {tenths_text(silence_s)} of silence in front"
    return kept


def tenths_text(seconds: Fraction) -> str:
    """Write a length of time, sign dropped, to tenths of milliseconds: "8 ms", "0.4 ms"."""
    return f"{abs(float(1000 * seconds)):.1f} ms".replace(".0 ms", " ms")


def _way_text(delay_s: Fraction) -> str:
    if not delay_s:
        return "not moved"
    return f"moved {delay_text(delay_s)} {'later' if delay_s > 0 else 'earlier'}"
