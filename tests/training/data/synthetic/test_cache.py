import numpy as np
import pytest

from training.data.synthetic import cache
from training.data.synthetic.cache import (
    CLIP_BYTES,
    CacheError,
    ensure_rendered,
    film_to_clip,
    load_clip,
    render_split_files,
)
from training.data.synthetic.recipe import draw_recipe, recipe_of


def test_only_missing_clips_are_rendered_and_they_do_not_depend_on_the_process(tmp_path):
    recipes = [draw_recipe("train", index) for index in range(2)]
    present = tmp_path / f"train-000000-{recipes[0].scene.name.replace(' ', '-')}.npz"
    present.write_bytes(b"rendered before")

    paths = ensure_rendered(tmp_path, "train", 2, n_workers=2)

    assert paths[0] == present
    assert present.read_bytes() == b"rendered before"
    assert sorted(tmp_path.iterdir()) == sorted(paths)
    assert paths[1].stat().st_size <= CLIP_BYTES
    here, there = film_to_clip(recipes[1]), load_clip(paths[1])
    assert (there.scene, there.index) == (here.scene, here.index)
    np.testing.assert_array_equal(there.frames, here.frames)
    np.testing.assert_allclose(there.waveform, here.waveform, rtol=1e-3, atol=1e-7)
    np.testing.assert_array_equal(there.has_audio, here.has_audio)


def test_a_clip_is_what_the_decoder_delivers_cut_to_a_square(flashing, events_s):
    clip = film_to_clip(recipe_of(flashing, "val", 2))

    assert clip.frames.shape == (250, 128, 128)
    assert clip.frames.dtype == np.uint8
    assert clip.waveform.shape == (250 * 640,)
    assert clip.waveform.dtype == np.float32
    assert clip.has_audio.all()
    lit = round(events_s[0] * 25) + 1
    assert np.ptp(clip.frames[lit - 5 : lit + 2].astype(int), axis=0).max() > 100


def test_more_than_the_budget_is_refused_before_anything_is_rendered(tmp_path):
    with pytest.raises(CacheError, match="more than the budget of 1 GB"):
        ensure_rendered(tmp_path, "train", 1000, budget_gb=1.0)

    assert list(tmp_path.iterdir()) == []


def test_a_damaged_clip_is_named(tmp_path):
    path = tmp_path / "train-000000-flash.npz"
    path.write_bytes(b"PK\x03\x04 cut off")

    with pytest.raises(CacheError, match=r"train-000000-flash\.npz is missing or damaged"):
        load_clip(path)


def test_files_of_a_split_are_written_once(tmp_path, flashing, monkeypatch):
    monkeypatch.setattr(cache, "split_scenes", lambda split: (flashing,))

    written = render_split_files(tmp_path, "held-out", 1)
    first = written[0][0].stat().st_mtime_ns

    assert written == render_split_files(tmp_path, "held-out", 1)
    assert written == [(tmp_path / "held-out-flashing-000.mp4", "flashing")]
    assert written[0][0].stat().st_mtime_ns == first
