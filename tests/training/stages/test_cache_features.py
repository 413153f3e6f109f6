import shutil
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core.progress import SILENT, Progress
from tests.training.stages.conftest import FixedSamples
from training.data.augment import Augmentation
from training.data.sample_config import SampleRecipe
from training.data.samples import Samples, SyncSamples, loader
from training.data.sets.data_set import DataSet, FixedOffset, Item
from training.features.feature_files import FeatureError, FeaturePlan, read_features, write_features
from training.loop.distributed import SINGLE, Ranks, RanksError
from training.stages.cache_features import (
    CachedSamples,
    StoredSamples,
    cache_clips,
    cached_questions,
    cached_training,
    draw_cached_window,
    enough_frames,
    store_samples,
)
from training.stages.rank_share import Share
from training.stages.sync import WindowTask, answer, build_learner

PLAN = FeaturePlan(n_views=1, audio_hop_frames=1)

N_FRAMES = 250
N_SEGMENTS = (N_FRAMES - 16 - 7) // 8 + 1


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


def test_features_stay_when_clips_move_or_others_join_them(
    data_set: DataSet, tmp_path: Path
) -> None:
    network = build_learner("sync", width=24, depth=1)
    plan = replace(PLAN, n_views=2)
    *_, item = data_set.items
    moved = Item(item.key, tmp_path / "elsewhere.mp4")
    shutil.copy(item.path, moved.path)
    joining = (Item("a/new", item.path), moved)
    found = {}
    for name, first in (("grown", (item,)), ("fresh", joining)):
        for clips in (DataSet("some", first), DataSet("all", joining)):
            folder = tmp_path / name
            paths = cache_clips(network, clips, SampleRecipe(), plan, folder, SINGLE, SILENT)
            found[name] = [read_features(path) for path in paths]
    # Nor does what a clip looks like depend on the clips that are encoded with it.
    for grown, fresh in zip(found["grown"], found["fresh"], strict=True):
        assert all(grown[name].equal(fresh[name]) for name in fresh)
    assert not found["fresh"][0]["visual"].equal(found["fresh"][1]["visual"])


def test_features_of_another_clip_of_the_same_name_are_refused(
    data_set: DataSet, tmp_path: Path
) -> None:
    folder = tmp_path / "cache"
    network = build_learner("sync", width=24, depth=1)
    (path,) = cache_clips(network, data_set, SampleRecipe(), PLAN, folder, SINGLE, SILENT)
    mute, clip = data_set.items
    longer = tmp_path / "longer.mp4"
    longer.write_bytes(clip.path.read_bytes() + bytes(100))
    others = DataSet("clips", (mute, replace(clip, path=longer)))
    with pytest.raises(FeatureError, match=r"other clips of the same names, such as sub/clip"):
        cache_clips(network, others, SampleRecipe(), PLAN, folder, SINGLE, SILENT)
    path.unlink()
    assert cache_clips(network, others, SampleRecipe(), PLAN, folder, SINGLE, SILENT) == [path]
    with pytest.raises(FeatureError, match="other clips of the same names"):
        cache_clips(network, data_set, SampleRecipe(), PLAN, folder, SINGLE, SILENT)


def test_questions_about_other_clips_or_windows_are_refused(
    data_set: DataSet, tmp_path: Path
) -> None:
    network = build_learner("sync", width=24, depth=1)
    mute, clip = data_set.items

    def store(asked: DataSet) -> None:
        window = {"video": torch.zeros(1, 16, 3, 224, 224), "mel": torch.zeros(1, 1, 128, 66)}
        samples = FixedSamples([window] * len(asked.items))
        folder = tmp_path / "valid"
        cached_questions(network, samples, asked, {"seed": 0}, folder, 0, SINGLE, SILENT)

    asked = DataSet("clips", (clip,), {"sub/clip": FixedOffset(0.2, 1.0)})
    store(asked)
    store(replace(asked, name="moved"))
    for other in (
        data_set,
        replace(asked, items=(Item("sub/clip", mute.path),)),
        replace(asked, fixed={"sub/clip": FixedOffset(0.4, 1.0)}),
    ):
        with pytest.raises(FeatureError, match=r"other weights, views or clips \(clips\)"):
            store(other)


def test_a_process_writes_nothing_before_the_folder_is_claimed(
    data_set: DataSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(ranks: Ranks) -> None:
        raise RanksError("the first process has ended")

    monkeypatch.setattr(Ranks, "wait", never)
    network = build_learner("sync", width=24, depth=1)
    second = Ranks(rank=1, n_ranks=2)
    with pytest.raises(RanksError):
        cache_clips(network, data_set, SampleRecipe(), PLAN, tmp_path / "c", second, SILENT)
    assert not (tmp_path / "c").exists()


def test_processes_that_do_not_share_the_folder_notice(
    data_set: DataSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[object] = []
    monkeypatch.setattr(Ranks, "wait", lambda _: None)
    monkeypatch.setattr(Ranks, "require_same", lambda _, value, __: compared.append(value))
    network = build_learner("sync", width=24, depth=1)
    for rank in (0, 1):
        # The folder has the same name on both machines.
        (tmp_path / str(rank)).mkdir()
        monkeypatch.chdir(tmp_path / str(rank))
        ranks = Ranks(rank=rank, n_ranks=2)
        cache_clips(network, data_set, SampleRecipe(), PLAN, Path("c"), ranks, SILENT)
    (claimed, made), (not_claimed, others) = compared[:2], compared[2:]
    assert (claimed != not_claimed, made != others) == (True, True)


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
    with pytest.raises(FeatureError, match=r"All clips are too short: offsets need 7\.12 s"):
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


def numbered() -> dict[str, torch.Tensor]:
    """Features that tell the frame at which their segment begins."""
    firsts = torch.tensor([2, 5])
    starts = firsts[:, None] + 8 * torch.arange(N_SEGMENTS)
    return {
        "visual": starts[:, :, None, None].expand(-1, -1, 8, 4).half(),
        "audio": torch.arange(N_FRAMES - 15.0)[:, None, None].expand(-1, 6, 4).half(),
        "first_frames": firsts,
    }


class _Heard:
    """Remembers how far a work has been."""

    def __init__(self) -> None:
        self.told: list[float | None] = []

    def report(self, progress: Progress) -> None:
        self.told.append(progress.fraction)

    def check(self) -> None:
        """Never cancel."""


@pytest.mark.parametrize(("stage", "n_segments"), [("sync", 14), ("synchability", 13)])
def test_sound_is_as_far_from_the_picture_as_the_label_says(stage: str, n_segments: int) -> None:
    shifts, labels = set(), Counter[int]()
    for seed in range(300):
        window = draw_cached_window(np.random.default_rng(seed), numbered(), stage)  # type: ignore[arg-type]
        assert window["visual"].shape == (n_segments, 8, 4)
        assert window["audio"].shape == (n_segments, 6, 4)
        seen, heard = (window[kind][:, 0, 0] for kind in ("visual", "audio"))
        assert set(seen.diff().tolist()) == set(heard.diff().tolist()) == {8.0}
        shift = float(heard[0] - seen[0]) - 25 * float(window["offset_s"])
        shifts.add(round(shift))
        label = int(window["label"])
        labels[label] += 1
        if stage == "sync":
            assert label == round(5 * float(window["offset_s"])) + 10
        else:
            assert (abs(float(window["offset_s"])) > 4) == (label == 0)
    assert shifts == {-1, 0, 1}
    still = draw_cached_window(np.random.default_rng(0), numbered(), stage, jitter=False)  # type: ignore[arg-type]
    shift = float(still["audio"][0, 0, 0] - still["visual"][0, 0, 0])
    assert shift == pytest.approx(25 * float(still["offset_s"]))
    if stage == "sync":
        assert set(labels) == set(range(21))
    else:
        assert 0.4 < labels[1] / 300 < 0.6


def test_windows_spread_from_the_middle() -> None:
    middle = (N_FRAMES - 120) / 2
    for spread, nearest, furthest in ((0.0, 0, 8), (0.5, 25, 34), (1.0, 55, 65)):
        away = [
            abs(
                float(draw_cached_window(rng, numbered(), "sync", spread)["visual"][0, 0, 0])
                - middle
            )
            for rng in map(np.random.default_rng, range(200))
        ]
        assert nearest <= max(away) <= furthest


def test_a_position_always_gives_the_same_window(tmp_path: Path) -> None:
    paths = [tmp_path / f"{i}.safetensors" for i in range(3)]
    for path in paths:
        write_features(numbered(), path)
    samples = CachedSamples(paths, "sync", seed=1)
    one, other = samples[7], CachedSamples(paths, "sync", seed=1)[7]
    assert all(one[name].equal(other[name]) for name in one)
    assert sorted(int(samples[p]["item"]) for p in range(3)) == [0, 1, 2]


def test_an_epoch_is_ordered_once_and_not_for_every_sample(tmp_path: Path) -> None:
    path = tmp_path / "clip.safetensors"
    write_features(numbered(), path)
    many = CachedSamples([path] * 3_000_000, "sync", seed=1)

    def cost_s(samples: CachedSamples) -> float:
        started_s = time.process_time()
        for position in range(20):
            assert int(samples[position]["label"]) < 21
        return time.process_time() - started_s

    assert int(many[0]["item"]) == np.random.default_rng([1, 1, 0]).permutation(3_000_000)[0]
    assert cost_s(many) < 1.0


def test_a_clip_that_is_too_short_for_any_window_is_refused() -> None:
    features = numbered()
    features["audio"] = features["audio"][:90]
    with pytest.raises(ValueError, match="no window at"):
        draw_cached_window(np.random.default_rng(0), features, "sync")


def test_stored_samples_are_the_features_of_the_fixed_ones(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = build_learner("sync", width=24, depth=1)
    window = {
        "video": torch.randn(14, 16, 3, 224, 224).half(),
        "mel": torch.randn(14, 1, 128, 66),
        "label": torch.tensor(4),
    }
    samples = FixedSamples([window])
    stored = StoredSamples(tmp_path, 1)
    monitor = _Heard()
    store_samples(network, samples, stored, range(1), 0, monitor)
    assert monitor.told == [0.0, 1.0]
    before = stored.path(0).stat().st_mtime_ns
    store_samples(network, samples, stored, range(1), 0, SILENT)
    assert stored.path(0).stat().st_mtime_ns == before
    (asked,) = loader(stored, [[0]], 0)
    (full,) = loader(samples, [[0]], 0)
    assert int(asked["label"][0]) == 4
    with torch.no_grad():
        expected, found = answer(network.eval(), full), answer(network, asked)
    torch.testing.assert_close(found, expected, rtol=1e-2, atol=1e-2)
