"""Certificates: JSON files beside corrected ones, with the changes and their verification."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import av

from core.correction.plan.plan import CorrectionPlan
from core.correction.verify.patched_copy import kept_digest
from core.correction.verify.verify import Verification
from core.correction.write.undo_record import undo_record
from core.errors import ExportError
from core.paths import complete_or_absent

_VERSION = 2

_MOST_RANGES = 1000
"""Ranges listed in a certificate; the record for undoing holds all."""


def certificate_path(target: Path) -> Path:
    """Path of the certificate of a corrected file."""
    return target.with_name(f"{target.name}.certificate.json")


def certificate_beside(target: Path) -> Path | None:
    """Existing file with the name of a target's certificate; None if there is none."""
    path = certificate_path(target)
    try:
        return path if path.is_file() else None
    except OSError:
        # A name that is too long has no file.
        return None


def is_certificate(path: Path) -> bool:
    """Whether a file was written by `write_certificate`."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and {"certificate", "tool", "target", "passed"} <= set(content)


def remove_certificate(target: Path) -> str:
    """Delete the certificate of a replaced file; files of other programs stay.

    Returns:
        A sentence on the failure to delete it; empty otherwise.
    """
    path = certificate_beside(target)
    if path is None or not is_certificate(path):
        return ""
    try:
        path.unlink()
    except OSError as error:
        return (
            f"{path.name} tells of the file that was replaced, and cannot be deleted "
            f"({error.strerror})."
        )
    return ""


def write_certificate(
    plan: CorrectionPlan,
    found: Verification,
    tool: str,
    *,
    notes: Sequence[str] = (),
    residual: Mapping[str, object] | None = None,
) -> Path:
    """Write the changes to a file and the result of its verification as JSON.

    Args:
        plan: The plan of the file, already under its name.
        found: Result of the verification.
        tool: Name and version of the program.
        notes: Notes on losses while the file was written.
        residual: Result of a detection of the file in values of JSON, if there was one.

    Returns:
        The certificate; an older one of the same target is replaced.

    Raises:
        ExportError: It cannot be written.
    """
    info, target = plan.source, plan.target
    path = certificate_path(target)
    try:
        content = {
            "certificate": _VERSION,
            "written_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "tool": tool,
            "ffmpeg": av.ffmpeg_version_info,
            "source": {"name": info.path.name, "bytes": info.size_bytes},
            "target": {"name": target.name, "bytes": target.stat().st_size},
            **_plan_content(plan),
            "notes": [*plan.notes, *notes],
            **_found_content(found),
            "detected_again": residual,
            **_patch_content(plan),
        }
        with complete_or_absent(path) as partial:
            # Exact fractions become texts.
            text = json.dumps(content, indent=2, ensure_ascii=False, default=str)
            partial.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise ExportError(
            f"{path.name} cannot be written beside {target.name} ({error.strerror}); the corrected "
            "file itself is complete.",
            path=path,
        ) from error
    return path


def _plan_content(plan: CorrectionPlan) -> dict[str, object]:
    correction = plan.correction
    return {
        "correction": {
            "audio_streams": correction.audio_stream_indices,
            "audio_delay_s": correction.audio_delay_s,
            "inexact": correction.inexact,
            "retiming": asdict(correction.retiming) if correction.retiming else None,
        },
        "moved_s": plan.moved_s,
        "moves": [
            {
                "stream": move.stream_index,
                "method": move.method.value,
                "delay_s": move.delay_s,
                "put_in_front": move.n_units,
                "codec": move.coding.codec if move.coding else None,
                "bit_rate": move.coding.bit_rate if move.coding else None,
            }
            for move in plan.moves
        ],
    }


def _patch_content(plan: CorrectionPlan) -> dict[str, object]:
    """Ranges of a patch with the digest of all other bytes, and the way back.

    Raises:
        ExportError: The source ends early.
        OSError: A file cannot be read.
    """
    if plan.time_patch is None:
        return {}
    patch = plan.time_patch.patch
    edits = patch.edits
    return {
        "patch": {
            "way": plan.time_patch.way,
            "new_bytes": patch.n_new_bytes,
            "moved_bytes": patch.n_moved_bytes,
            "n_ranges": len(edits),
            "first_ranges": [[e.begin, e.end, e.n_bytes] for e in edits[:_MOST_RANGES]],
            "kept_blake2b": kept_digest(patch, plan.target),
        },
        "undo": undo_record(plan.source.path, patch).to_json(),
    }


def _found_content(found: Verification) -> dict[str, object]:
    return {
        "passed": found.passed,
        "largest_error_ms": _json_ms(found.largest_error_s),
        "remainder_ms": _json_ms(found.remainder_s),
        "lost_streams": found.lost_streams,
        "differing": found.differing,
        "changed_metadata": found.changed_metadata,
        "streams": [
            {"name": check.name, "blake2b": check.digest, "equal": check.is_equal}
            for check in found.streams
        ],
        "encoded_again": [
            {
                "name": check.name,
                "coding": check.coding,
                "largest_error_ms": _json_ms(check.error_s),
                "accepted_error_ms": _json_ms(check.accepted_s),
                "places": check.n_places,
                "unmeasured_pieces": check.n_unmeasured,
            }
            for check in found.retimed
        ],
    }


def _json_ms(seconds: float) -> float | None:
    """Milliseconds; None for infinity, unknown to JSON."""
    return round(1000 * seconds, 4) if math.isfinite(seconds) else None
