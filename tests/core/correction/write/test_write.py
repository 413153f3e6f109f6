import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from core.correction.correction import Correction
from core.correction.write.write import write
from core.errors import Cancelled, ExportError
from core.media.info import MediaInfo
from core.media.probe import probe
from core.progress import Progress
from core.workflow import export
from tests.core.correction.steps import verify_corrected, write_corrected

pytestmark = pytest.mark.usefixtures("written_anew")


@pytest.fixture
def plain(make_clip: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> MediaInfo:
    path = tmp_path_factory.mktemp("source") / "plain.mp4"
    make_clip("plain.mp4", duration_s=5, size=(160, 128)).rename(path)
    return probe(path)


def by(info: MediaInfo, delay_ms: float) -> Correction:
    return Correction((info.audios[0].index,), Fraction(delay_ms) / 1000)


@pytest.mark.parametrize(
    ("correction", "words"),
    [
        (Correction((0,), Fraction(1)), "no audio stream 0; its only audio stream is 1"),
        (Correction((9,), Fraction(1)), "no audio stream 9"),
        (Correction((1,), Fraction(5)), r"plain\.mp4 \(5 s\) or longer"),
        (Correction((1,), Fraction(-5)), r"plain\.mp4 \(5 s\) or longer"),
    ],
)
def test_a_correction_that_does_not_fit_is_refused(
    correction: Correction, words: str, plain: MediaInfo, tmp_path: Path
) -> None:
    with pytest.raises(ExportError, match=words):
        write_corrected(plain, tmp_path / "clip.mp4", correction)


def test_sound_without_picture_is_refused(make_clip: Callable[..., Path], tmp_path: Path) -> None:
    info = probe(make_clip("sound.mp4", duration_s=2, video=False))
    with pytest.raises(ExportError, match=r"sound\.mp4 has no picture"):
        write_corrected(info, tmp_path / "clip.mp4", by(info, 7))


@pytest.mark.parametrize("link", [None, os.symlink, os.link])
def test_the_source_is_never_written_even_through_a_link(
    link: Callable[[Path, Path], None] | None, plain: MediaInfo, tmp_path: Path
) -> None:
    source = tmp_path / "source.mp4"
    shutil.copy(plain.path, source)
    content = source.read_bytes()
    target = source
    if link is not None:
        target = tmp_path / "other.mp4"
        link(source, target)
    info = replace(plain, path=source)
    with pytest.raises(ExportError, match="is the source itself"):
        write_corrected(info, target, by(info, 7), overwrite=True)
    assert source.read_bytes() == content


def test_an_existing_file_is_replaced_only_when_asked(plain: MediaInfo, tmp_path: Path) -> None:
    target = tmp_path / "clip.mp4"
    target.write_bytes(b"precious")
    with pytest.raises(ExportError, match=r"clip\.mp4 exists already"):
        write_corrected(plain, target, by(plain, 7))
    assert target.read_bytes() == b"precious"
    write_corrected(plain, target, by(plain, 7), overwrite=True)
    assert verify_corrected(plain, target, by(plain, 7)).passed


def test_a_file_that_appears_at_the_last_moment_is_not_replaced(
    plain: MediaInfo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "clip.mp4"
    monkeypatch.setattr(
        "core.workflow.export.check_target", lambda *_: target.write_bytes(b"precious")
    )
    with pytest.raises(ExportError, match=r"^clip\.mp4 was not written: another file got its name"):
        write_corrected(plain, target, by(plain, 7))
    assert target.read_bytes() == b"precious"
    assert list(tmp_path.iterdir()) == [target]


def test_a_missing_folder_a_file_as_folder_and_a_folder_as_target_are_told(
    plain: MediaInfo, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder.mp4").mkdir()
    for target, words in [
        (tmp_path / "missing" / "clip.mp4", "does not exist"),
        (tmp_path / "file" / "clip.mp4", "does not exist"),
        (tmp_path / "folder.mp4", r"folder\.mp4 is a folder; name a file in it"),
        (Path(), r"^\. is a folder; name a file in it"),
        (tmp_path / f"{'long' * 60}.mp4", "too long"),
        (tmp_path / f"{'long' * 70}.mp4", "too long"),
    ]:
        with pytest.raises(ExportError, match=words):
            write_corrected(plain, target, by(plain, 7), overwrite=True)


@pytest.mark.skipif(os.name != "posix", reason="limits of file size are POSIX")
def test_a_drive_that_takes_no_more_leaves_nothing_behind(plain: MediaInfo, tmp_path: Path) -> None:
    program = """
import resource, sys
from fractions import Fraction
from pathlib import Path
from core.errors import ExportError
from core.correction.correction import Correction, Inexact
from core.media.probe import probe
from tests.core.correction.steps import write_corrected
info = probe(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    write_corrected(info, Path(sys.argv[2]), Correction((1,), Fraction(1, 100)))
except ExportError as error:
    print(error.message)
"""
    result = subprocess.run(
        [sys.executable, "-c", program, plain.path, tmp_path / "clip.mp4"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[4])},
    )
    assert result.stdout == (
        "clip.mp4 was not written: the drive takes no file as large as this; "
        "choose another drive.\n"
    )
    assert result.stderr == ""
    assert list(tmp_path.iterdir()) == []


def test_too_little_space_is_told_before_anything_is_written(
    plain: MediaInfo, tmp_path: Path
) -> None:
    huge = tmp_path / "huge.mp4"
    shutil.copy(plain.path, huge)
    os.truncate(huge, shutil.disk_usage(tmp_path).free)
    try:
        info = probe(huge)
        with pytest.raises(ExportError, match="MB free; free some space"):
            write_corrected(info, tmp_path / "clip.mp4", by(info, 7))
    finally:
        huge.unlink()
    assert list(tmp_path.iterdir()) == []


class Watcher:
    """Takes note of the progress, and does something after a number of checks."""

    def __init__(self, n_checks: int, act: Callable[[], None]) -> None:
        self.fractions: list[float | None] = []
        self._n_checks = n_checks
        self._act = act

    def report(self, progress: Progress) -> None:
        self.fractions.append(progress.fraction)

    def check(self) -> None:
        self._n_checks -= 1
        if self._n_checks == 0:
            self._act()


def test_cancelling_in_the_middle_leaves_nothing_behind(plain: MediaInfo, tmp_path: Path) -> None:
    def cancel() -> None:
        assert [entry.suffix for entry in tmp_path.iterdir()] == [".partial~"]
        raise Cancelled

    watcher = Watcher(4, cancel)
    with pytest.raises(Cancelled):
        write_corrected(plain, tmp_path / "clip.mp4", by(plain, 7), monitor=watcher)
    assert list(tmp_path.iterdir()) == []
    assert watcher.fractions[0] == 0.0


def test_cancelling_after_the_last_packet_leaves_nothing_behind(
    plain: MediaInfo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Late:
        is_asked = False

        def report(self, progress: Progress) -> None:
            pass

        def check(self) -> None:
            if self.is_asked:
                raise Cancelled

    late = Late()

    def write_then_ask(*arguments: Any) -> tuple[str, ...]:
        notes = write(*arguments)
        late.is_asked = True
        return notes

    monkeypatch.setattr(export, "write", write_then_ask)
    with pytest.raises(Cancelled):
        write_corrected(plain, tmp_path / "clip.mp4", by(plain, 7), monitor=late)
    assert list(tmp_path.iterdir()) == []


def test_a_source_that_changes_while_it_is_copied_is_told(plain: MediaInfo, tmp_path: Path) -> None:
    source = tmp_path / "source.mp4"
    shutil.copy(plain.path, source)
    info = replace(plain, path=source)
    watcher = Watcher(3, lambda: os.utime(source, ns=(0, 0)))
    with pytest.raises(ExportError, match=r"^source\.mp4 changed while"):
        write_corrected(info, tmp_path / "clip.mp4", by(info, 7), monitor=watcher)
    assert [entry.name for entry in tmp_path.iterdir()] == ["source.mp4"]


def test_a_source_that_changed_since_it_was_opened_is_told(
    plain: MediaInfo, tmp_path: Path
) -> None:
    source = tmp_path / "source.mp4"
    info = replace(plain, path=source)
    with pytest.raises(ExportError, match=r"^source\.mp4 cannot be reached"):
        write_corrected(info, tmp_path / "clip.mp4", by(info, 7))
    source.write_bytes(plain.path.read_bytes()[:-100])
    with pytest.raises(ExportError, match=r"^source\.mp4 has changed"):
        write_corrected(info, tmp_path / "clip.mp4", by(info, 7))


def test_the_source_keeps_content_and_times(plain: MediaInfo, tmp_path: Path) -> None:
    before = plain.path.read_bytes(), plain.path.stat().st_mtime_ns
    write_corrected(plain, tmp_path / "clip.mp4", by(plain, 7))
    assert (plain.path.read_bytes(), plain.path.stat().st_mtime_ns) == before


@pytest.mark.parametrize(
    ("refused", "words"),
    [
        ([], None),
        (["chmod"], "out.mp4 could not be given the permissions of plain.mp4"),
        (["chmod", "utime"], "out.mp4 could not be given the times and permissions of plain.mp4"),
    ],
)
def test_a_drive_without_permissions_does_not_cost_the_finished_file(
    refused: list[str],
    words: str | None,
    plain: MediaInfo,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    os.utime(plain.path, (1_000_000_000, 1_000_000_000))
    info = probe(plain.path)
    for name in refused:
        monkeypatch.setattr(os, name, refuse)
    told: list[str] = []
    target = tmp_path / "out.mp4"
    write_corrected(info, target, by(info, 7), keeps_times=True, tell=told.append)
    assert verify_corrected(info, target, by(info, 7)).passed
    assert [sentence.startswith(words or "-") for sentence in told] == [True] * bool(words)
    assert (target.stat().st_mtime == 1_000_000_000) == ("utime" not in refused)
