import csv
import multiprocessing
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import Cancelled
from core.progress import Progress
from training.__main__ import main
from training.commands.prepare import REPORT, PrepareError, prepare_folder
from training.data.clip import read_clip

MakeClip = Callable[..., Path]


@pytest.fixture
def footage(tmp_path: Path, make_clip: MakeClip) -> Path:
    """A folder with a clip that can be used, in a folder, and what cannot."""
    folder = tmp_path / "footage"
    (folder / "day").mkdir(parents=True)
    make_clip("footage/day/good.mkv", duration_s=2.0, size=(160, 120))
    make_clip("footage/day/silent.mp4", duration_s=1.0, size=(160, 120), audio=False)
    make_clip("footage/short.mov", duration_s=1.0, size=(160, 120))
    (folder / "broken.mp4").write_bytes(b"not a clip, but named like one")
    (folder / "notes.txt").write_text("not a clip")
    return folder


def test_a_folder_is_prepared_once_and_what_is_skipped_is_told(
    footage: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "out"
    words = ["prepare", str(footage), str(target), "--workers", "1", "--shortest", "1.5"]
    assert main(words) == 0
    assert read_clip(target / "day" / "good.mp4").frames.shape == (50, 256, 340, 3)
    with (target / REPORT).open(newline="") as file:
        rows = list(csv.reader(file))
    assert [row[0] for row in rows] == [
        "clip",
        "broken.mp4",
        "day/silent.mp4",
        "short.mov",
    ]
    assert "damaged or not a media file" in rows[1][1]
    assert rows[2][1] == "no audio"
    assert rows[3][1].startswith("too short: 1.")
    files = sorted(path.relative_to(target).as_posix() for path in target.rglob("*.*"))
    assert files == ["day/good.mp4", REPORT]
    told = capsys.readouterr().out
    assert "Written: 1, there already: 0" in told
    assert "Skipped: 3" in told
    written = (target / "day" / "good.mp4").stat().st_mtime_ns
    assert main(words) == 0
    assert "Written: 0, there already: 1" in capsys.readouterr().out
    assert (target / "day" / "good.mp4").stat().st_mtime_ns == written


def test_two_clips_do_not_get_one_name(tmp_path: Path, make_clip: MakeClip) -> None:
    (tmp_path / "footage").mkdir()
    for suffix in ("mkv", "mov"):
        make_clip(f"footage/take.{suffix}", duration_s=1.0, size=(160, 120))
    prepared = prepare_folder(tmp_path / "footage", tmp_path / "out", 1, 0.5)
    assert prepared.n_written == 1
    assert [why for _, why in prepared.skipped] == ["would get the same name as take.mkv"]


def test_what_is_written_below_the_folder_is_no_source(tmp_path: Path, make_clip: MakeClip) -> None:
    folder = tmp_path / "footage"
    folder.mkdir()
    make_clip("footage/take.mkv", duration_s=1.0, size=(160, 120))
    for n_written in (1, 0):
        prepared = prepare_folder(folder, folder / "prepared", 1, 0.5)
        assert (prepared.n_written, prepared.n_kept) == (n_written, 1 - n_written)


def test_stopping_leaves_complete_clips(footage: Path, tmp_path: Path) -> None:
    class StopsAfterOne:
        def report(self, progress: Progress) -> None:
            """Ignore it."""

        def check(self) -> None:
            raise Cancelled

    with pytest.raises(Cancelled):
        prepare_folder(footage, tmp_path / "out", 1, 1.5, StopsAfterOne())
    assert not list((tmp_path / "out").rglob("*partial*"))


def test_what_was_skipped_is_written_down_also_when_it_is_stopped(
    footage: Path, tmp_path: Path
) -> None:
    class StopsAtTheEnd:
        done = 0.0

        def report(self, progress: Progress) -> None:
            self.done = progress.fraction or 0.0

        def check(self) -> None:
            if self.done == 1.0:
                raise Cancelled

    with pytest.raises(Cancelled):
        prepare_folder(footage, tmp_path / "out", 1, 1.5, StopsAtTheEnd())
    with (tmp_path / "out" / REPORT).open(newline="") as file:
        assert [row[0] for row in csv.reader(file)][1:] == [
            "broken.mp4",
            "day/silent.mp4",
            "short.mov",
        ]


def test_a_worker_that_is_killed_is_told_with_its_clip(tmp_path: Path, make_clip: MakeClip) -> None:
    (tmp_path / "footage").mkdir()
    make_clip("footage/take.mkv", duration_s=10.0, size=(640, 480))
    out = tmp_path / "out"
    left = out / ".take.mp4.0123abcd.partial~"
    out.mkdir()
    left.touch()
    os.utime(left, (0, 0))

    def kill() -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if not left.exists() and list(out.glob(".take.mp4.*")):
                multiprocessing.active_children()[0].kill()
                return
            time.sleep(0.01)

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(PrepareError, match=r"memory\. It was encoding .*take\.mkv\. Run"):
        prepare_folder(tmp_path / "footage", out, 1, 0.5)
    killer.join()
    assert (out / REPORT).is_file()
    assert not left.exists()


def test_folders_that_cannot_be_prepared_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PrepareError, match="is not a folder"):
        prepare_folder(tmp_path / "nowhere", tmp_path / "out")
    with pytest.raises(PrepareError, match="no clips in"):
        prepare_folder(tmp_path, tmp_path / "out")
    with pytest.raises(PrepareError, match="cannot be both source and target"):
        prepare_folder(tmp_path, tmp_path)


def test_target_that_cannot_be_written_to_is_named(tmp_path: Path, make_clip: MakeClip) -> None:
    (tmp_path / "footage").mkdir()
    make_clip("footage/take.mkv", duration_s=1.0, size=(160, 120))
    taken = tmp_path / "out"
    taken.write_text("a file, no folder")
    with pytest.raises(PrepareError, match=f"{taken} cannot be written to"):
        prepare_folder(tmp_path / "footage", taken, 1, 0.5)
