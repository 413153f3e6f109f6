"""Correction of a file in place, and the way back from any patch.

A record with the old and the new bytes is flushed to the drive before the first byte of the file is
written, and renamed after the last one. A process killed in between leaves the record of an
unfinished correction, and `undo` gives the source again.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from core.correction.correction import Correction
from core.correction.plan.destination import identity_of, not_written
from core.correction.plan.plan import CorrectionPlan, check_correction, patched_plan
from core.correction.plan.way import plan_patch
from core.correction.verify.certificate import certificate_beside
from core.correction.verify.patched_copy import PatchCheck, read_times, shift_error_s
from core.correction.verify.sentences import failed_verification_sentence
from core.correction.verify.verify import Verification
from core.correction.write.patched_file import inverse, write_in_place, write_patched
from core.correction.write.undo_record import UndoRecord, digest_of, read_record
from core.errors import ExportError
from core.media.formats.patch import Patch, Unpatchable
from core.media.info import MediaInfo
from core.paths import complete_or_absent, sync_folder, undo_path, unfinished_path
from core.progress import SILENT, Monitor


@dataclass(frozen=True, slots=True)
class CorrectedInPlace:
    """A file corrected in place.

    Attributes:
        plan: The written plan; its target is the source itself.
        verification: Result of the passed verification.
        record: File for undoing it.
    """

    plan: CorrectionPlan
    verification: Verification
    record: Path


def plan_in_place(
    info: MediaInfo, correction: Correction, monitor: Monitor = SILENT
) -> CorrectionPlan:
    """Plan a correction of the source itself; nothing is written.

    Raises:
        ExportError: The correction does not fit the source, which allows no patch in place.
        MediaError: The source cannot be opened.
        Cancelled: The monitor says so.
    """
    check_correction(info, correction)
    identity = identity_of(info.path)
    try:
        found = plan_patch(info, correction, info.path, in_place=True, monitor=monitor)
    except Unpatchable as unpatchable:
        raise ExportError(
            f"{info.path.name} cannot be corrected in place, because {unpatchable.reason}; "
            "write a copy instead.",
            path=info.path,
        ) from unpatchable
    except OSError as error:
        raise not_written(info, info.path, error) from error
    assert found.patch.fits_in_place
    return patched_plan(info, identity, correction, info.path, None, found)


def correct_in_place(plan: CorrectionPlan, monitor: Monitor = SILENT) -> CorrectedInPlace:
    """Write a correction into the source itself, and verify it.

    A file that fails the verification gets its old bytes back.

    Args:
        plan: The plan by `plan_in_place`.
        monitor: Asked whether to go on, up to the first byte written.

    Raises:
        ExportError: The file cannot be written, has changed, or failed the verification.
        MediaError: The file cannot be read.
        Cancelled: The monitor asked to stop; the file is unchanged.
    """
    assert plan.time_patch is not None
    info, patch = plan.source, plan.time_patch.patch
    path = info.path
    times = read_times(plan, monitor)
    plan.check_current()
    monitor.check()
    try:
        with path.open("r+b", buffering=0) as file:
            record = UndoRecord(path.name, "", inverse(patch, file), patch, _record_before(path))
            _write_record(record, unfinished_path(path))
            try:
                write_in_place(file, patch)
            except OSError:
                _roll_back(file, record)
                unfinished_path(path).unlink()
                raise
        error_s, n_times = shift_error_s(plan, times, path)
    except OSError as error:
        raise not_written(info, path, error) from error
    found = _verification(plan, error_s, n_times)
    if not found.passed:
        undo(path)
        raise ExportError(failed_verification_sentence(path, found), path=path)
    unfinished_path(path).replace(undo_path(path))
    sync_folder(path.parent)
    return CorrectedInPlace(plan, found, undo_path(path))


def undo(
    file: Path,
    target: Path | None = None,
    *,
    overwrite: bool = False,
    monitor: Monitor = SILENT,
) -> Path:
    """Restore the source of a patched file, bit by bit.

    A file corrected in place is restored in place. Otherwise the record is in the certificate
    beside the file, and the source is written anew.

    Args:
        file: The corrected file.
        target: File to be written, without a correction in place; the name of the source beside
            `file` if None.
        overwrite: Whether an existing target may be replaced.
        monitor: Told the progress, and asked whether to go on.

    Returns:
        The restored file.

    Raises:
        ExportError: There is no record, the file is another one, or it cannot be written.
        Cancelled: The monitor says so.
    """
    try:
        if undo_path(file).is_file() or unfinished_path(file).is_file():
            if target is not None:
                raise ExportError(
                    f"{file.name} was corrected in place and is restored in place; leave out the "
                    "name of another file.",
                    path=file,
                )
            _undo_in_place(file)
            return file
        return _undo_copy(file, target, overwrite=overwrite, monitor=monitor)
    except OSError as error:
        raise ExportError(
            f"{file.name} could not be restored ({error.strerror}); check its drive and try again.",
            path=file,
            details=str(error),
        ) from error


def _record_before(path: Path) -> object:
    """Record of an earlier correction in place, as values of JSON; None without one.

    Raises:
        ExportError: That record is damaged.
    """
    earlier = undo_path(path)
    return read_record(earlier).to_json() if earlier.is_file() else None


def _write_record(record: UndoRecord, path: Path) -> None:
    with complete_or_absent(path, replaces=False) as partial, partial.open("wb") as file:
        file.write(json.dumps(record.to_json()).encode())
        file.flush()
        os.fsync(file.fileno())
    sync_folder(path.parent)


def _verification(plan: CorrectionPlan, error_s: float, n_times: int) -> Verification:
    assert plan.time_patch is not None
    patch = plan.time_patch.patch
    check = PatchCheck(patch.n_bytes, patch.n_new_bytes, 0, len(patch.edits), True, n_times)
    return Verification(
        packets_equal=True,
        shift_error_s=error_s,
        lost_streams=(),
        remainder_s=0.0 if plan.is_exact else float(plan.remainder_s),
        common_s=float(plan.time_patch.common_s),
        patch=check,
    )


def _undo_in_place(path: Path) -> None:
    """Restore a file corrected in place, completely or in part.

    Raises:
        ExportError: The file is not the one of the record.
        OSError: The drive fails.
    """
    unfinished, finished = unfinished_path(path), undo_path(path)
    record = read_record(unfinished if unfinished.is_file() else finished)
    if record.forward is None or not record.forward.fits_in_place:
        raise ExportError(f"{path.name} has no record of a correction in place.", path=path)
    with path.open("r+b", buffering=0) as file:
        if not _is_of_record(file, record.patch, record.forward):
            raise ExportError(
                f"{path.name} is not the file that was corrected, or was changed afterwards; it "
                "stays as it is.",
                path=path,
            )
        if not unfinished.is_file():
            finished.replace(unfinished)
            sync_folder(path.parent)
        _roll_back(file, record)
    if record.before is not None:
        with complete_or_absent(finished) as partial:
            partial.write_text(json.dumps(record.before), encoding="utf-8")
    unfinished.unlink()
    sync_folder(path.parent)


def _roll_back(file: BinaryIO, record: UndoRecord) -> None:
    write_in_place(file, record.patch)


def _is_of_record(file: BinaryIO, back: Patch, forward: Patch) -> bool:
    """Whether each edited byte of a file is either the old or the new one."""
    size = file.seek(0, os.SEEK_END)
    if not min(back.n_bytes, forward.n_bytes) <= size <= max(back.n_bytes, forward.n_bytes):
        return False
    for old, new in zip(back.edits, forward.edits, strict=True):
        file.seek(new.begin)
        assert isinstance(old.content, bytes)
        assert isinstance(new.content, bytes)
        found = file.read(max(len(old.content), len(new.content)))
        for number, byte in enumerate(found):
            if byte not in (old.content[number : number + 1] + new.content[number : number + 1]):
                return False
    return True


def _undo_copy(file: Path, target: Path | None, *, overwrite: bool, monitor: Monitor) -> Path:
    certificate = certificate_beside(file)
    if certificate is None:
        raise ExportError(
            f"{file.name} has neither a certificate nor a record of a correction in place beside "
            "it; nothing can be undone.",
            path=file,
        )
    record = read_record(certificate)
    wanted = target or file.with_name(Path(record.source_name).name)
    if wanted.exists() and (not overwrite or wanted.samefile(file)):
        raise ExportError(
            f"{wanted} exists already; choose another name or allow replacing it.", path=wanted
        )
    if file.stat().st_size != record.patch.source_bytes:
        raise _other_file(file)
    with complete_or_absent(wanted, replaces=overwrite) as partial:
        write_patched(file, record.patch, partial, monitor)
        with partial.open("rb") as restored:
            if digest_of(restored) != record.source_digest:
                raise _other_file(file)
    return wanted


def _other_file(file: Path) -> ExportError:
    return ExportError(
        f"{file.name} was changed after its correction, or belongs to another certificate; "
        "nothing was written.",
        path=file,
    )
