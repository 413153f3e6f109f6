from training.data.synthetic.performance import Use
from training.data.synthetic.scene_list import all_scenes, scenes_for


def test_names_are_unique_also_as_file_names():
    names = [scene.name.replace(" ", "-") for scene in all_scenes()]

    assert len(set(names)) == len(names)
    assert all(name == name.lower() and "/" not in name for name in names)


def test_there_are_scenes_for_every_use():
    assert {scene for use in Use for scene in scenes_for(use)} == set(all_scenes())
    assert all(scenes_for(use) for use in Use)
    assert all(scene.weight > 0 for scene in all_scenes())
