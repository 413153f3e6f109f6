import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from core.progress import SILENT, Progress
from tests.training.stages.conftest import FixedSamples
from training.data.samples import loader
from training.features.feature_files import write_features
from training.stages.cached_windows import (
    CachedSamples,
    StoredSamples,
    draw_cached_window,
    store_samples,
)
from training.stages.sync import answer, build_learner

N_FRAMES = 250
N_SEGMENTS = (N_FRAMES - 16 - 7) // 8 + 1


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
