import json
from collections.abc import Callable
from pathlib import Path

import pytest

from core.media.probe import probe
from training.__main__ import main
from training.benchmark.command import LONG_S, folder_set, generated_set
from training.data.synthetic.recipe import split_scenes


def _folder(tmp_path: Path, make_clip: Callable[..., Path], n_clips: int) -> Path:
    (tmp_path / "clips").mkdir()
    for seed in range(n_clips):
        make_clip(f"clips/{seed}.mp4", seed=seed, duration_s=7.0)
    return tmp_path / "clips"


def _run(folder: Path, *words: str) -> int:
    return main(
        ["benchmark", "--folder", str(folder), "--generated", "0", "--held-out", "0", *words]
    )


def test_tables_and_document_state_the_number_of_clips(
    tmp_path: Path, make_clip: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = _folder(tmp_path, make_clip, 2)
    (folder / "broken.mp4").write_bytes(b"no clip at all")
    tables, document = tmp_path / "out.md", tmp_path / "out.json"
    words = ("--engine", "classical", "--engine", "variants")
    assert _run(folder, *words, "--markdown", str(tables), "--json", str(document)) == 0

    text = tables.read_text(encoding="utf-8")
    assert text.strip() == capsys.readouterr().out.strip()
    assert "### Whole clip (2 independent clips)" in text
    assert "### Sound of another clip (2 pairs of 2 independent clips)" in text
    assert "broken.mp4" in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert all(line.count("|") > 3 for line in rows)

    (of_folder,) = json.loads(document.read_text(encoding="utf-8"))["sets"]
    assert sorted(of_folder["clips"]) == ["0.mp4", "1.mp4"]
    assert len(of_folder["left_out"]) == 1
    classical = of_folder["total"][0]
    assert classical["n_clips"] == 2
    assert classical["clip"]["n_answers"] == 2 * 2
    assert classical["clip"]["right"] == 1.0
    assert sorted(of_folder["groups"]) == ["0", "1"]
    assert str(tmp_path) not in document.read_text(encoding="utf-8")


@pytest.mark.slow
def test_answers_do_not_depend_on_the_number_of_workers(
    tmp_path: Path, make_clip: Callable[..., Path]
) -> None:
    folder = _folder(tmp_path, make_clip, 2)
    one, two = tmp_path / "1.json", tmp_path / "2.json"
    assert _run(folder, "--engine", "classical", "--json", str(one)) == 0
    assert _run(folder, "--engine", "classical", "--json", str(two), "--workers", "2") == 0
    assert json.loads(one.read_text()) == json.loads(two.read_text())


def test_an_unknown_engine_is_one_sentence_and_exit_code_3(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(tmp_path, "--engine", "no-such-model") == 3
    assert capsys.readouterr().err.strip().count("\n") == 0


def test_a_folder_without_a_usable_clip_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken.mp4").write_bytes(b"no clip at all")
    assert _run(tmp_path, "--engine", "classical") == 3
    error = capsys.readouterr().err
    assert "No clip could be used: broken.mp4" in error


def test_nothing_to_measure_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["benchmark", "--generated", "0", "--held-out", "0", "--engine", "classical"]
    assert main(words) == 3
    assert "There is no clip" in capsys.readouterr().err


def test_a_wrong_option_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["benchmark", "--workers", "3"]) == 64
    assert "--workers" in capsys.readouterr().err


def test_a_target_without_its_folder_is_told_before_anything_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(tmp_path, "--engine", "classical", "--json", str(tmp_path / "no/out.json")) == 64
    assert "there is no folder" in capsys.readouterr().err


def test_clips_cannot_be_kept_where_a_file_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert _run(tmp_path, "--engine", "classical", "--cache", str(tmp_path / "file")) == 3
    assert "file cannot be made" in capsys.readouterr().err


def test_each_clip_of_a_folder_is_given_the_sound_of_others(
    tmp_path: Path, make_clip: Callable[..., Path]
) -> None:
    (tmp_path / "set").mkdir()
    paths = [make_clip(f"set/{i}.mp4", duration_s=0.2) for i in range(6)]
    clips = folder_set(tmp_path / "set", all_classes=True)
    assert clips.name == "Folder set"
    assert [task.path for task in clips.tasks] == paths
    assert [task.group for task in clips.tasks] == [path.stem for path in paths]
    for task in clips.tasks:
        assert len(set(task.foreign)) == 4
        assert task.path not in task.foreign
        assert task.all_classes


def test_a_lone_clip_has_no_foreign_sound(tmp_path: Path, make_clip: Callable[..., Path]) -> None:
    make_clip(duration_s=0.2)
    (task,) = folder_set(tmp_path, all_classes=False).tasks
    assert task.foreign == ()


@pytest.mark.slow
def test_generated_clips_cover_every_scene_and_are_kept(tmp_path: Path) -> None:
    scenes = sorted(scene.name for scene in split_scenes("held-out"))
    clips = generated_set(tmp_path, "held-out", 1, 1, seed=0)
    short = [task for task in clips.tasks if not task.only_far]
    long = [task for task in clips.tasks if task.only_far]
    assert sorted(task.group for task in short) == scenes
    assert sorted(task.group for task in long) == scenes
    assert all(task.foreign and task.path not in task.foreign for task in short)
    assert probe(long[0].path).duration_s == pytest.approx(LONG_S, abs=0.2)
    written = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    again = generated_set(tmp_path, "held-out", 1, 1, seed=0)
    assert again == clips
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == written
