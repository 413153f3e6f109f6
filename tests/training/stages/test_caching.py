import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from core.progress import SILENT
from training.data.augment import Augmentation
from training.data.recipe import SampleRecipe
from training.data.samples import Samples, SyncSamples
from training.data.sets.data_set import DataSet, Item
from training.distributed import SINGLE
from training.features import FeatureError, FeaturePlan
from training.stages.cached import enough_frames
from training.stages.caching import cache_clips, cached_training
from training.stages.feed import Share
from training.stages.sync import WindowTask, build_learner

PLAN = FeaturePlan(n_views=1, audio_hop_frames=1)


@pytest.fixture
def data_set(make_clip: Callable[..., Path]) -> DataSet:
    """Two clips, of which one has no sound."""
    mute = make_clip("mute.mp4", duration_s=1.0, audio=False, size=(256, 256))
    clip = make_clip("clip.mp4", duration_s=1.0, size=(256, 256))
    return DataSet("clips", (Item("sub/mute", mute), Item("sub/clip", clip)))


def test_features_are_made_once_and_only_of_usable_clips(
    data_set: DataSet, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    network = build_learner("sync", width=24, depth=1)
    folder = tmp_path / "cache"
    clip = folder / "sub" / "clip.safetensors"
    assert cache_clips(network, data_set, SampleRecipe(), PLAN, folder, SINGLE, SILENT) == [clip]
    assert "mute.mp4" in caplog.text
    made = clip.stat().st_mtime_ns
    torch.nn.init.zeros_(network.vproj.weight)
    assert cache_clips(network, data_set, SampleRecipe(), PLAN, folder, SINGLE, SILENT) == [clip]
    assert clip.stat().st_mtime_ns == made


def test_features_of_other_towers_or_other_reading_are_not_mixed(
    data_set: DataSet, tmp_path: Path
) -> None:
    folder = tmp_path / "cache"
    network = build_learner("sync", width=24, depth=1)
    cache_clips(network, data_set, SampleRecipe(), PLAN, folder, SINGLE, SILENT)
    other = build_learner("sync", width=24, depth=1)
    for used, recipe in ((other, SampleRecipe()), (network, SampleRecipe(longest_s=0.8))):
        with pytest.raises(FeatureError, match="other weights, views or clips"):
            cache_clips(used, data_set, recipe, PLAN, folder, SINGLE, SILENT)


def test_changes_that_features_cannot_have_are_refused_before_any_is_made(
    data_set: DataSet, tmp_path: Path
) -> None:
    network = build_learner("sync", width=24, depth=1)
    recipe = SampleRecipe(augmentation=Augmentation(smaller_crop=0.2, noise=0.1))
    with pytest.raises(FeatureError, match=r"without smaller_crop, noise; set .*noise=0, or"):
        cache_clips(network, data_set, recipe, PLAN, tmp_path / "cache", SINGLE, SILENT)
    assert not (tmp_path / "cache").exists()


def test_clips_too_short_for_any_offset_are_named_as_such(
    data_set: DataSet, tmp_path: Path
) -> None:
    network = build_learner("sync", width=24, depth=1)
    paths = cache_clips(network, data_set, SampleRecipe(), PLAN, tmp_path / "c", SINGLE, SILENT)
    with pytest.raises(FeatureError, match=r"None of the clips has the 7\.12 s"):
        cached_training(paths, "sync", SampleRecipe(), seed=0, n_used=0, n_easy=0)


def test_a_third_stage_needs_nine_seconds() -> None:
    assert (enough_frames("sync"), enough_frames("synchability")) == (178, 232)


def test_features_make_samples_many_times_as_fast(
    make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    clip = make_clip(duration_s=9.9, size=(256, 256))
    data_set, recipe = DataSet("clips", (Item("clip", clip),)), SampleRecipe()
    network = build_learner("sync", width=24, depth=1)
    plan = FeaturePlan(n_views=1)
    paths = cache_clips(network, data_set, recipe, plan, tmp_path / "c", SINGLE, SILENT)
    cached = cached_training(paths, "sync", recipe, seed=0, n_used=0, n_easy=0)
    full = SyncSamples(data_set, recipe, 0)

    def cost_s(samples: Samples, n_steps: int) -> float:
        task = WindowTask(samples, samples, Share(batch_size=1))
        started_s = time.process_time()
        for batch in task.batches(0, n_steps):
            task.loss(network, batch)[0].backward()  # type: ignore[no-untyped-call]
        return (time.process_time() - started_s) / n_steps

    cost_s(cached, 2)
    assert cost_s(full, 2) > 20 * cost_s(cached, 30)
