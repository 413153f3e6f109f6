"""The table of a folder check."""

import csv
from collections.abc import Iterable
from pathlib import Path

from core.batch.runner import FileResult
from core.detection.result import Reason
from core.errors import ExportError
from core.paths import complete_or_absent

COLUMNS = (
    "name",
    "duration_s",
    "verdict",
    "reason",
    "offset_s",
    "interval_low_s",
    "interval_high_s",
    "confidence",
    "model",
    "error",
)
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def write_csv(results: Iterable[FileResult], folder: Path, target: Path) -> None:
    """Write one row per file; an existing table is replaced when the new one is complete.

    Offsets follow `core.timing`: positive seconds mean that the audio is early. Text that a
    spreadsheet would run as a formula is preceded by an apostrophe.

    Args:
        results: The rows, in their order.
        folder: What names are relative to.
        target: The table.

    Raises:
        ExportError: The table cannot be written.
    """
    try:
        with (
            complete_or_absent(target) as partial,
            # Names that are not valid Unicode must not cost the table.
            partial.open("w", encoding="utf-8", errors="backslashreplace", newline="") as out,
        ):
            writer = csv.writer(out)
            writer.writerow(COLUMNS)
            writer.writerows(_row(result, folder) for result in results)
    except OSError as error:
        raise ExportError(
            f"{target} cannot be written ({error.strerror}); choose another place.", path=target
        ) from error


def is_report(path: Path) -> bool:
    """Tell whether a file is a table that `write_csv` has written.

    Raises:
        OSError: It cannot be read.
    """
    header = ",".join(COLUMNS).encode()
    with path.open("rb") as file:
        return file.read(len(header) + 1).rstrip() == header


def _row(result: FileResult, folder: Path) -> tuple[str, ...]:
    name = _safe(result.path.relative_to(folder).as_posix())
    detection = result.detection
    if detection is None:
        return (name, *[""] * (len(COLUMNS) - 2), _safe(result.error))
    estimate = detection.estimate
    cells = [f"{number:.4f}" for number in (estimate.offset_s, *estimate.interval_s)]
    cells.append(f"{estimate.confidence:.3f}")
    if estimate.reason in (Reason.NO_MOTION, Reason.SILENCE):
        cells = [""] * len(cells)
    duration = f"{detection.info.duration_s:.3f}"
    model = _safe(detection.opinion.engine_id)
    return (name, duration, estimate.verdict, estimate.reason, *cells, model, "")


def _safe(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text
