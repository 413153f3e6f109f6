"""What is said about a written file that was read again."""

from math import isfinite
from pathlib import Path

from core.media.plan import CorrectionPlan
from core.media.verify import Verification
from synchformer_gui.kept_wording import kept_text


def verification_sentence(found: Verification, plan: CorrectionPlan) -> str:
    """Say how a written file that is what was asked for was found to be."""
    error = _error_text(found)
    place = "exactly where it was to go" if error == "0.0 ms" else f"within {error} of its goal"
    if found.remainder_s:
        way = "late" if found.remainder_s > 0 else "early"
        place = f"{abs(1000 * found.remainder_s):.1f} ms too {way}, as announced"
    n_unmeasured = sum(check.n_unmeasured for check in found.retimed)
    if any(not check.n_places for check in found.retimed):
        place = "too quiet, or in pieces too short, to be measured; listen to it"
    elif n_unmeasured:
        pieces = "1 piece, which is" if n_unmeasured == 1 else f"{n_unmeasured} pieces, which are"
        place += f", but for {pieces} too quiet or too short to be measured; listen to the changes"
    return f"Verified: {kept_text(plan.moves)}, and the audio is {place}."


def failed_verification_sentence(target: Path, found: Verification) -> str:
    """Say why a file was not kept."""
    packets = "unchanged" if found.packets_equal else "changed"
    lost = f", lost: {', '.join(found.lost_streams)}" if found.lost_streams else ""
    other = f", different: {', '.join(found.differing)}" if found.differing else ""
    return (
        f"{target.name} was not kept, since it was not what was asked for (audio misplaced by"
        f" {_error_text(found)}, packets {packets}{lost}{other}); choose another container."
    )


def _error_text(found: Verification) -> str:
    if isfinite(found.largest_error_s):
        return f"{1000 * found.largest_error_s:.1f} ms"
    return "an unknown time"
