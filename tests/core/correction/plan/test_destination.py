import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from core.correction.plan.destination import check_destination, identity_of
from core.errors import ExportError
from core.media.info import MediaInfo
from core.media.probe import probe


@pytest.fixture
def info(make_clip: Callable[..., Path]) -> MediaInfo:
    return probe(make_clip(duration_s=1, size=(96, 80)))


def test_a_free_name_is_fine_and_nothing_is_made(info: MediaInfo, tmp_path: Path) -> None:
    check_destination(info, tmp_path / "out.mp4")
    check_destination(info, tmp_path / "day" / "cam" / "clip.mp4", makes_folder=True)
    assert list(tmp_path.iterdir()) == [info.path]


def test_a_folder_that_will_be_made_needs_a_folder_to_be_made_in(
    info: MediaInfo, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "day"):
        with pytest.raises(ExportError, match="does not exist"):
            check_destination(info, folder / "out.mp4", makes_folder=True)


def test_too_little_room_is_told(
    info: MediaInfo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1, 1, 0))
    with pytest.raises(ExportError, match="free some space"):
        check_destination(info, tmp_path / "out.mp4")


def test_a_folder_that_may_not_be_written_to_is_told(
    info: MediaInfo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(ExportError, match=r"you may not write to .*; choose another folder"):
        check_destination(info, tmp_path / "out.mp4")


def test_a_source_that_is_gone_is_told(info: MediaInfo) -> None:
    info.path.unlink()
    with pytest.raises(ExportError, match=r"clip\.mp4 cannot be reached"):
        identity_of(info.path)
