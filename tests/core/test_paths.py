import errno
import os
import sys
import time
from pathlib import Path

import pytest

from core import paths
from core.paths import (
    builtin_weights,
    cache_dir,
    complete_or_absent,
    data_dir,
    log_dir,
    models_dir,
    remove_left_over,
    resources_dir,
)

ROOT = Path(__file__).resolve().parents[2]


def test_shipped_data_come_from_the_checkout_first():
    assert resources_dir() == ROOT / "resources"
    assert builtin_weights() == ROOT / "resources" / "builtin" / "weights.safetensors"


def test_a_wheel_brings_its_own_data(monkeypatch, tmp_path):
    carried = tmp_path / "synchformer_gui" / "_resources"
    carried.mkdir(parents=True)
    (tmp_path / "resources").mkdir()
    monkeypatch.setattr(paths, "_ROOT", tmp_path)

    assert resources_dir() == carried


def test_a_frozen_bundle_brings_its_own_data(monkeypatch, tmp_path):
    (tmp_path / "resources").mkdir()
    monkeypatch.setattr(paths, "_ROOT", tmp_path / "nowhere")
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)

    assert resources_dir() == tmp_path / "resources"


def test_missing_data_name_where_they_were_sought(monkeypatch, tmp_path):
    monkeypatch.setattr(paths, "_ROOT", tmp_path)

    with pytest.raises(FileNotFoundError, match="_resources"):
        resources_dir()


def test_one_variable_moves_everything_the_application_keeps(monkeypatch, tmp_path):
    monkeypatch.setenv("SYNCHFORMER_HOME", str(tmp_path))

    assert data_dir() == tmp_path
    assert models_dir() == tmp_path / "models"
    assert log_dir() == tmp_path / "logs"
    assert cache_dir() == tmp_path / "cache"


def test_without_it_the_folders_of_the_system_are_used(monkeypatch):
    monkeypatch.delenv("SYNCHFORMER_HOME", raising=False)

    assert models_dir().is_absolute()
    assert "synchformer-gui" in str(log_dir())
    assert "synchformer-gui" in str(cache_dir())


def test_a_file_gets_its_name_when_it_is_complete(tmp_path):
    target = tmp_path / "table.csv"
    target.write_text("old")

    with complete_or_absent(target) as partial:
        partial.write_text("new")
        assert target.read_text() == "old"

    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


def test_a_file_that_was_not_finished_leaves_nothing_behind(tmp_path):
    target = tmp_path / "table.csv"

    def write_half() -> None:
        with complete_or_absent(target) as partial:
            partial.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_half()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("has_links", [True, False])
def test_a_name_that_is_free_is_taken_and_one_that_was_taken_meanwhile_is_not(
    has_links, monkeypatch, tmp_path
):
    def refuse(*_):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    if not has_links:
        monkeypatch.setattr(os, "link", refuse)
    target = tmp_path / "table.csv"
    with complete_or_absent(target, replaces=False) as partial:
        partial.write_text("mine")
    assert list(tmp_path.iterdir()) == [target]
    assert target.read_text() == "mine"
    assert target.stat().st_nlink == 1

    def write() -> None:
        with complete_or_absent(target, replaces=False) as partial:
            partial.write_text("later")

    with pytest.raises(FileExistsError):
        write()
    assert target.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [target]


def left_over(folder: Path, idle_s: float) -> Path:
    path = folder / ".table.csv.0123abcd.partial~"
    path.write_text("half")
    moment_s = time.time() - idle_s
    os.utime(path, (moment_s, moment_s))
    return path


def test_what_a_killed_process_left_is_deleted_after_some_time(tmp_path):
    mine = tmp_path / "table.csv.0123abcd.partial~"
    mine.write_text("of somebody else")
    left = left_over(tmp_path, idle_s=60)
    remove_left_over(tmp_path)
    assert left.exists()

    left_over(tmp_path, idle_s=1000)
    remove_left_over(tmp_path)

    assert list(tmp_path.iterdir()) == [mine]


@pytest.mark.skipif(os.name != "posix", reason="files are held on POSIX")
def test_what_somebody_writes_is_not_deleted_however_long_it_takes(tmp_path):
    with complete_or_absent(tmp_path / "table.csv") as partial:
        os.utime(partial, (0, 0))
        remove_left_over(tmp_path)
        assert partial.exists()


def test_a_folder_that_is_gone_has_nothing_left_over(tmp_path):
    remove_left_over(tmp_path / "gone")
