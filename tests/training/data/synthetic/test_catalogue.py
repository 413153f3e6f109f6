from training.data.synthetic.catalogue import all_scenes, held_out_scenes, trained_scenes


def test_names_are_unique_also_as_file_names():
    names = [scene.name.replace(" ", "-") for scene in all_scenes()]

    assert len(set(names)) == len(names)
    assert all(name == name.lower() and "/" not in name for name in names)


def test_each_scene_is_either_trained_on_or_held_out():
    assert set(trained_scenes()) | set(held_out_scenes()) == set(all_scenes())
    assert trained_scenes()
    assert held_out_scenes()
    assert all(scene.weight > 0 for scene in all_scenes())
