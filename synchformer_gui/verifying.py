"""Writing a corrected file that gets its name only when it was found to be what was asked for."""

from pathlib import Path
from typing import NamedTuple

from core.errors import ExportError
from core.media.containers import Layout
from core.media.correction import Correction
from core.media.info import MediaInfo
from core.media.remux import write_corrected
from core.media.verify import Verification, verify_corrected
from core.progress import Monitor
from synchformer_gui.verification_wording import failed_verification_sentence


class Written(NamedTuple):
    """A file that got its name.

    Attributes:
        found: What was found when it was read again, which passed; None if that was not wanted.
        notes: Sentences on what could not be kept although the file is complete.
    """

    found: Verification | None
    notes: tuple[str, ...]


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
) -> Written:
    """Write a corrected file, as `core.media.remux.write_corrected`, and compare it if wanted.

    Raises:
        ExportError: The file cannot be written, or is not what was asked for; there is none then.
        MediaError: The source, or what was written, cannot be read.
        Cancelled: The monitor asked to stop; there is no file then.
    """
    found: Verification | None = None
    notes: list[str] = []

    def inspect(written: Path) -> None:
        nonlocal found
        found = verify_corrected(info, target, correction, monitor, written)
        if not found.passed:
            raise ExportError(failed_verification_sentence(target, found))

    write_corrected(
        info,
        target,
        correction,
        overwrite=overwrite,
        layout=layout,
        keeps_times=keeps_times,
        monitor=monitor,
        inspect=inspect if verifies else None,
        tell=notes.append,
    )
    return Written(found, tuple(notes))
