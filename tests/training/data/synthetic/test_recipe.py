import dataclasses
from collections import Counter

import pytest

from training.data.synthetic.performance import Scene, Use
from training.data.synthetic.recipe import (
    all_scenes,
    draw_recipe,
    recipe_of,
    scene_at,
    scenes_for,
    split_scenes,
)


def test_the_same_split_and_number_give_the_same_recipe():
    assert draw_recipe("train", 5) == draw_recipe("train", 5)


def test_other_numbers_and_splits_give_other_clips(flashing):
    one = recipe_of(flashing, "train", 5)

    assert one.backdrop != recipe_of(flashing, "train", 6).backdrop
    assert one.backdrop != recipe_of(flashing, "val", 5).backdrop
    numbers = {recipe_of(flashing, "train", i).generator(1).random() for i in range(50)}
    assert len(numbers) == 50


def test_any_run_of_numbers_has_the_scenes_in_the_shares_of_their_weights(flashing):
    scenes = [
        dataclasses.replace(flashing, name=name, weight=weight)
        for name, weight in (("a", 1.0), ("b", 4.0), ("c", 0.5), ("d", 2.0))
    ]
    for first in (0, 137, 2000):
        drawn = Counter(scene_at(scenes, first + i).name for i in range(150))
        for scene in scenes:
            assert drawn[scene.name] == pytest.approx(150 * scene.weight / 7.5, abs=3)


def test_held_out_scenes_are_never_trained_on():
    trained = {scene.name for scene in split_scenes("train")}

    assert trained == {scene.name for scene in split_scenes("val")}
    assert not trained & {scene.name for scene in split_scenes("held-out")}
    assert not trained & {scene.name for scene in split_scenes("calibration-types")}
    assert draw_recipe("held-out", 3).scene.use is Use.HELD_OUT


def test_unknown_splits_are_refused():
    with pytest.raises(ValueError, match="train, val, held-out"):
        draw_recipe("test", 0)


def test_a_scene_is_needed():
    with pytest.raises(ValueError, match="at least one"):
        scene_at([], 0)


def test_frames_have_even_sides_and_the_usual_shapes(flashing):
    assert isinstance(flashing, Scene)
    stages = [recipe_of(flashing, "train", index).stage for index in range(100)]

    assert all(s.width_px % 2 == 0 and s.height_px % 2 == 0 for s in stages)
    assert sum(s.short_px == 256 for s in stages) > 70
    assert any(s.width_px < s.height_px for s in stages)


def test_names_are_unique_also_as_file_names():
    names = [scene.name.replace(" ", "-") for scene in all_scenes()]

    assert len(set(names)) == len(names)
    assert all(name == name.lower() and "/" not in name for name in names)


def test_there_are_scenes_for_every_use():
    assert {scene for use in Use for scene in scenes_for(use)} == set(all_scenes())
    assert all(scenes_for(use) for use in Use)
    assert all(scene.weight > 0 for scene in all_scenes())
