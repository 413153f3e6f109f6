"""A small file beside a corrected one that says what was done and what was found."""

import json
from datetime import UTC, datetime
from pathlib import Path

import av

from core.errors import ExportError
from core.media.correction import Correction
from core.media.info import MediaInfo
from core.media.plan import CorrectionPlan
from core.media.verify import Verification
from core.paths import complete_or_absent

_VERSION = 1


def certificate_path(target: Path) -> Path:
    """Return where the certificate of a corrected file goes."""
    return target.with_name(f"{target.name}.certificate.json")


def write_certificate(
    info: MediaInfo,
    target: Path,
    correction: Correction,
    plan: CorrectionPlan,
    found: Verification,
    tool: str,
) -> Path:
    """Write what was done to a file, and what its verification found, as JSON.

    Args:
        info: The probed source.
        target: The corrected file.
        correction: What was asked for.
        plan: What was announced.
        found: What was measured.
        tool: Name and version of the program.

    Returns:
        The certificate; an older one of the same target is replaced.

    Raises:
        ExportError: It cannot be written.
    """
    content = {
        "certificate": _VERSION,
        "written_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "tool": tool,
        "ffmpeg": av.ffmpeg_version_info,
        "source": {"name": info.path.name, "bytes": info.size_bytes},
        "target": {"name": target.name, "bytes": target.stat().st_size},
        "correction": {
            "audio_streams": list(correction.audio_stream_indices),
            "audio_delay_s": str(correction.audio_delay_s),
            "inexact": correction.inexact,
        },
        "moves": [
            {
                "stream": move.stream_index,
                "method": move.method.value,
                "delay_s": str(move.delay_s),
                "put_in_front": move.n_units,
            }
            for move in plan.moves
        ],
        "notes": list(plan.notes),
        "passed": found.passed,
        "largest_error_ms": round(1000 * found.shift_error_s, 4),
        "remainder_ms": round(1000 * found.remainder_s, 4),
        "lost_streams": list(found.lost_streams),
        "changed_metadata": list(found.changed_metadata),
        "streams": [
            {"name": check.name, "blake2b": check.digest, "equal": check.is_equal}
            for check in found.streams
        ],
    }
    path = certificate_path(target)
    try:
        with complete_or_absent(path) as partial:
            text = json.dumps(content, indent=2, ensure_ascii=False)
            partial.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise ExportError(
            f"{path.name} cannot be written beside {target.name} ({error.strerror}); the corrected "
            "file itself is complete.",
            path=path,
        ) from error
    return path
