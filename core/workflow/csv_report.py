"""CSV report of a folder check."""

import csv
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

from core.detection.result import Detection, Reason
from core.detection.sync_map import MapKind
from core.errors import ExportError
from core.media.delay_hints import delay_hints
from core.paths import complete_or_absent
from core.workflow.folder import FileCorrection, FileResult

COLUMNS = (
    "name",
    "duration_s",
    "verdict",
    "reason",
    "offset_s",
    "interval_low_s",
    "interval_high_s",
    "confidence",
    "sync_map",
    "offset_at_start_s",
    "offset_at_end_s",
    "drift_ppm",
    "jump_times_s",
    "jump_sizes_s",
    "analyzed_s",
    "stopped",
    "model",
    "notes",
    "error",
)
CORRECTION_COLUMNS = ("correction", "corrected_file", "moved_s", "correction_notes")
"""Columns after the others if corrections were asked for."""

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def write_csv(results: Iterable[FileResult], folder: Path, target: Path) -> None:
    """Write one row per file; an existing table is replaced when the new one is complete.

    Offsets are in seconds and positive if the audio is early (`core.timing`). A drifting or jumping
    offset is given at both ends, with the rate of the drift, or the time and size of each jump,
    separated by blanks; a positive size makes the audio earlier. An apostrophe precedes text that
    spreadsheets would run as a formula.

    Args:
        results: Results in the order of the rows.
        folder: Base of the file names.
        target: Path of the report.

    Raises:
        ExportError: The report cannot be written.
    """
    rows = tuple(results)
    is_corrected = any(result.correction for result in rows)
    try:
        with (
            complete_or_absent(target) as partial,
            # File names may be invalid Unicode.
            partial.open("w", encoding="utf-8", errors="backslashreplace", newline="") as out,
        ):
            writer = csv.writer(out)
            writer.writerow(COLUMNS + CORRECTION_COLUMNS * is_corrected)
            for result in rows:
                cells = _correction_cells(result.correction) if is_corrected else ()
                writer.writerow(_row(result, folder) + cells)
    except OSError as error:
        raise ExportError(
            f"{target} cannot be written ({error.strerror}); choose another place.", path=target
        ) from error


def is_report(path: Path) -> bool:
    """Whether a file is a report of `write_csv`.

    Raises:
        OSError: The file cannot be read.
    """
    headers = [",".join(columns).encode() for columns in (COLUMNS, COLUMNS + CORRECTION_COLUMNS)]
    with path.open("rb") as file:
        return file.readline(len(headers[-1]) + 2).rstrip() in headers


def _row(result: FileResult, folder: Path) -> tuple[str, ...]:
    name = _safe(result.path.relative_to(folder).as_posix())
    detection = result.detection
    if detection is None:
        return (name, *[""] * (len(COLUMNS) - 2), _safe(result.error))
    estimate, coverage = detection.estimate, detection.coverage
    hints = (hint.sentence for hint in delay_hints(detection.info))
    return (
        name,
        f"{detection.info.duration_s:.3f}",
        estimate.verdict,
        estimate.reason,
        *_offset_cells(detection),
        *_map_cells(detection),
        f"{coverage.analyzed_s:.3f}",
        coverage.stop,
        _safe(detection.opinion.engine_id),
        _safe(" ".join((*detection.warnings, *hints))),
        "",
    )


def _correction_cells(correction: FileCorrection | None) -> tuple[str, ...]:
    """Cells about the correction of a file."""
    if correction is None:
        return ("",) * len(CORRECTION_COLUMNS)
    moved_s = correction.moved_s
    return (
        correction.outcome,
        "" if correction.target is None else _safe(str(correction.target)),
        "" if moved_s is None else f"{float(moved_s):.6f}",
        _safe(" ".join(correction.sentences)),
    )


def _offset_cells(detection: Detection) -> tuple[str, ...]:
    """Offset, interval and confidence; empty unless a single offset is the answer."""
    estimate = detection.estimate
    if detection.changing_map or estimate.reason in (Reason.NO_MOTION, Reason.SILENCE):
        return ("",) * 4
    offsets = [f"{number:.4f}" for number in (estimate.offset_s, *estimate.interval_s)]
    return (*offsets, f"{estimate.confidence:.3f}")


def _map_cells(detection: Detection) -> tuple[str, ...]:
    """Kind of the sync map, if there is one, and the course of the offset."""
    found = detection.changing_map
    if found is None:
        is_known = detection.sync_map is not None and detection.sync_map.kind is MapKind.CONSTANT
        return (MapKind.CONSTANT if is_known else "", *[""] * 5)
    pieces = found.pieces
    ends = (f"{pieces[0].start_offset_s:.4f}", f"{pieces[-1].end_offset_s:.4f}")
    if found.kind is MapKind.DRIFT:
        return (found.kind, *ends, f"{found.drift_ppm:.1f}", "", "")
    jumps = [
        (f"{after.span.start_s:.2f}", f"{after.start_offset_s - before.end_offset_s:.4f}")
        for before, after in pairwise(pieces)
    ]
    times, sizes = (" ".join(cells) for cells in zip(*jumps, strict=True))
    return (found.kind, *ends, "", times, sizes)


def _safe(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text
