from collections.abc import Callable
from pathlib import Path

import pytest

from core.media.probe import probe
from training.benchmark.sets import LONG_S, folder_set, generated_set
from training.data.synthetic.recipe import split_scenes


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
