"""Writing a corrected file that gets its name only when it was found to be what was asked for."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from core.errors import ExportError
from core.media.containers import Layout
from core.media.correction import Correction
from core.media.info import MediaInfo
from core.media.remux import write_corrected
from core.media.verify import Verification, verify_corrected
from core.progress import Monitor
from synchformer_gui import wording


@dataclass(slots=True)
class _Inspection:
    """Reads a file that has no name yet again, and refuses it if it is not what was asked for.

    Attributes:
        found: What was found, once it was called.
    """

    info: MediaInfo
    target: Path
    correction: Correction
    monitor: Monitor
    found: Verification | None = None

    def __call__(self, written: Path) -> None:
        found = verify_corrected(self.info, self.target, self.correction, self.monitor, written)
        if not found.passed:
            raise ExportError(wording.failed_verification_sentence(self.target, found))
        self.found = found


def write_checked(
    info: MediaInfo,
    target: Path,
    correction: Correction,
    monitor: Monitor,
    *,
    verifies: bool,
    overwrite: bool,
    layout: Layout | None,
    keeps_times: bool,
    tell: Callable[[str], None] | None = None,
) -> Verification | None:
    """Write a corrected file, as `core.media.remux.write_corrected`, and compare it if wanted.

    Returns:
        What was found, which passed; None if that was not wanted.

    Raises:
        ExportError: The file cannot be written, or is not what was asked for; there is none then.
        MediaError: The source, or what was written, cannot be read.
        Cancelled: The monitor asked to stop; there is no file then.
    """
    inspection = _Inspection(info, target, correction, monitor)
    write_corrected(
        info,
        target,
        correction,
        overwrite=overwrite,
        layout=layout,
        keeps_times=keeps_times,
        monitor=monitor,
        inspect=inspection if verifies else None,
        tell=tell,
    )
    return inspection.found
