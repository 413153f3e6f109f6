"""Sentences on a corrected file and its verification."""

from collections.abc import Sequence
from fractions import Fraction
from math import isfinite
from pathlib import Path

from core.correction.plan.moves import Method, Move
from core.correction.plan.plan import CorrectionPlan
from core.correction.verify.patched_copy import PatchCheck
from core.correction.verify.verify import Verification
from core.units import delay_text, ms_text


def verification_sentence(found: Verification, plan: CorrectionPlan) -> str:
    """Sentence on a file after a passed verification."""
    error = _error_text(found)
    place = "exactly at its place" if error == "0.0 ms" else f"within {error} of its place"
    if found.remainder_s:
        way = "late" if found.remainder_s > 0 else "early"
        place = f"{abs(1000 * found.remainder_s):.1f} ms too {way}, as announced"
    n_unmeasured = sum(check.n_unmeasured for check in found.retimed)
    if any(not check.n_places for check in found.retimed):
        place = "too quiet, or in pieces too short, to be measured; listen to it"
    elif n_unmeasured:
        pieces = "1 piece, which is" if n_unmeasured == 1 else f"{n_unmeasured} pieces, which are"
        place += f", but for {pieces} too quiet or too short to be measured; listen to the changes"
    if found.patch is not None:
        return (
            f"Verified: {bytes_text(found.patch)}; all picture and sound data are byte for byte "
            f"yours, and the audio is {place}."
        )
    return f"Verified: {kept_text(plan.moves)}, and the audio is {place}."


def bytes_text(check: PatchCheck) -> str:
    """Words for the differing bytes of a patched copy."""
    verb = "differs" if check.n_new_bytes == 1 else "differ"
    noun = "byte" if check.n_new_bytes == 1 else "bytes"
    text = f"{check.n_new_bytes:,} {noun} of {check.n_bytes:,} {verb}"
    if check.n_moved_bytes:
        text += f", and {check.n_moved_bytes:,} bytes stand at another place of the file"
    return text


def failed_verification_sentence(target: Path, found: Verification) -> str:
    """Sentence on a file after a failed verification."""
    packets = "unchanged" if found.packets_equal else "changed"
    lost = f", lost: {', '.join(found.lost_streams)}" if found.lost_streams else ""
    other = f", different: {', '.join(found.differing)}" if found.differing else ""
    return (
        f"{target.name} was not kept, since it failed verification (audio misplaced by"
        f" {_error_text(found)}, packets {packets}{lost}{other}); choose another container."
    )


def _error_text(found: Verification) -> str:
    if isfinite(found.largest_error_s):
        return f"{1000 * found.largest_error_s:.1f} ms"
    return "an unknown time"


LEAST_REMAINDER_S = Fraction(1, 20_000)
"""One or two samples; a smaller remainder is not mentioned."""


def moved_text(asked_s: Fraction, moved_s: Fraction | None = None) -> str:
    """Words for a delay: "moved 48 ms later, 8 ms later than asked for".

    Args:
        asked_s: Delay asked for, seconds; positive moves audio later.
        moved_s: Delay applied, if known.
    """
    remainder_s = Fraction(0) if moved_s is None else moved_s - asked_s
    if abs(remainder_s) < LEAST_REMAINDER_S:
        return _way_text(asked_s)
    way = "later" if remainder_s > 0 else "earlier"
    return f"{_way_text(asked_s + remainder_s)}, {ms_text(remainder_s)} {way} than asked for"


def kept_text(moves: Sequence[Move]) -> str:
    """Words for the unchanged video and audio.

    Args:
        moves: Moves of the plan.
    """
    methods = {move.method for move in moves}
    if Method.RETIMED in methods:
        return "all but the audio encoded again is unchanged"
    heads_s = [move.delay_s if move.n_units else Fraction(0) for move in moves]
    cut_s, silence_s = min(heads_s, default=Fraction(0)), max(heads_s, default=Fraction(0))
    if Method.DECODED in methods:
        text = "the picture is unchanged, the moved sound was decoded to PCM"
        if cut_s < 0:
            text += f" and lost its first {ms_text(cut_s)}"
        return text
    kept = "picture and sound are unchanged"
    if cut_s < 0:
        return f"{kept} but for the first {ms_text(cut_s)} of the sound, which were cut off"
    if silence_s > 0:
        return f"{kept} but for {ms_text(silence_s)} of silence in front"
    return kept


def _way_text(delay_s: Fraction) -> str:
    if not delay_s:
        return "not moved"
    return f"moved {delay_text(delay_s)} {'later' if delay_s > 0 else 'earlier'}"
