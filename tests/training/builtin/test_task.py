from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core.model.builtin.lag_net import (
    LAG_STEP_S,
    LEAD_FRAMES,
    EncodedAudio,
    EncodedVideo,
    LagNet,
    LagSizes,
)
from core.model.synchformer.offset_classes import OFFSET_GRID_S
from core.timing import SAMPLES_PER_FRAME
from training.aliases import Tensors
from training.builtin.task import (
    LARGEST_OFFSET_S,
    N_LAGS,
    N_TOKENS,
    REACH_TOKENS,
    TOKEN_SAMPLES,
    LagTask,
    LagTaskConfig,
    draw_window,
    lag_axis,
    summary,
)
from training.data.synthetic.cache import CachedClip

SIZES = LagSizes(4, 8, 8, 2, 4, 8, 8, 16)
EVENT_FRAME = 125
SIDE_PX = 32
"""Smaller than clips are, for speed."""

CLEAN = LagTaskConfig(batch_size=4, mix_share=0.0, degrade_share=0.0)


def _clip(level: int = 40, silent_from: int = 250, side_px: int = SIDE_PX) -> CachedClip:
    """A flash and a click at the same time, in the middle."""
    frames = np.full((250, side_px, side_px), level, np.uint8)
    frames[EVENT_FRAME : EVENT_FRAME + 2, 8:-8, 8:-8] = 200
    waveform = np.zeros(250 * SAMPLES_PER_FRAME, np.float32)
    waveform[EVENT_FRAME * SAMPLES_PER_FRAME] = 0.9
    has_audio = np.arange(250) < silent_from
    return CachedClip("flash", 0, frames, waveform, has_audio)


def _lag_tokens(window: Tensors) -> float:
    """Return how much earlier the click is heard than the flash is seen."""
    levels = window["grey"].float().mean((1, 2))
    jump = int(levels.diff().abs().argmax()) + 1 - LEAD_FRAMES
    click = int(window["waveform"].abs().argmax()) / TOKEN_SAMPLES
    return REACH_TOKENS + 2 * jump - click


def _windows_with_flash(config: LagTaskConfig | None) -> list[Tensors]:
    clip = _clip()
    windows = [draw_window(np.random.default_rng(s), clip, None, config) for s in range(16)]
    shown = [w for w in windows if w["grey"].float().mean((1, 2)).diff()[:-1].abs().max() > 1]
    assert len(shown) > 10
    return shown


@pytest.mark.parametrize("config", [None, CLEAN], ids=["validation", "training"])
def test_true_lag_is_where_the_window_says(config: LagTaskConfig | None) -> None:
    offsets = []
    for window in _windows_with_flash(config):
        lag, offset_s = _lag_tokens(window), float(window["offset_s"])
        assert abs(lag - offset_s / LAG_STEP_S) <= 1
        peak_s = float(lag_axis()[int(window["target"][:-1].argmax())])
        assert abs(peak_s - offset_s) <= LAG_STEP_S / 2 + 1e-6
        assert float(window["target"].sum()) == pytest.approx(1)
        assert window["target"][-1] == 0
        offsets.append(offset_s)
    assert min(offsets) < -0.5
    assert max(offsets) > 0.5


def test_positive_offset_is_heard_before_it_is_seen() -> None:
    for window in _windows_with_flash(CLEAN):
        if window["offset_s"] > 0.1:
            assert _lag_tokens(window) > 0
        if window["offset_s"] < -0.1:
            assert _lag_tokens(window) < 0


def test_validation_draws_classes_and_training_anything() -> None:
    fixed = [float(window["offset_s"]) for window in _windows_with_flash(None)]
    drawn = [float(window["offset_s"]) for window in _windows_with_flash(CLEAN)]
    assert all(np.isclose(OFFSET_GRID_S, offset_s).any() for offset_s in fixed)
    assert sum(bool(np.isclose(OFFSET_GRID_S, offset_s).any()) for offset_s in drawn) <= 1
    assert max(map(abs, drawn)) <= LARGEST_OFFSET_S


def test_window_has_the_stated_shapes() -> None:
    window = draw_window(np.random.default_rng(0), _clip(side_px=128), None, LagTaskConfig())
    assert {key: (tuple(value.shape), value.dtype) for key, value in window.items()} == {
        "grey": ((120 + LEAD_FRAMES, 128, 128), torch.uint8),
        "waveform": ((N_TOKENS * TOKEN_SAMPLES,), torch.float32),
        "is_heard": ((N_TOKENS,), torch.bool),
        "offset_s": ((), torch.float32),
        "target": ((N_LAGS + 1,), torch.float32),
    }


def test_sound_is_heard_only_inside_the_clip() -> None:
    clip = replace(_clip(), waveform=np.full(250 * SAMPLES_PER_FRAME, 0.1, np.float32))
    n_cut = 0
    for seed in range(20):
        window = draw_window(np.random.default_rng(seed), clip)
        is_there = window["waveform"].reshape(N_TOKENS, TOKEN_SAMPLES) != 0
        assert torch.equal(window["is_heard"], is_there.all(1))
        n_cut += not window["is_heard"].all()
    assert n_cut > 5


def test_sound_that_the_file_lacks_is_not_heard() -> None:
    lengths = {
        int(draw_window(np.random.default_rng(seed), _clip(silent_from=100))["is_heard"].sum())
        for seed in range(10)
    }
    # At most the 100 frames that have sound.
    assert max(lengths) <= 200
    assert len(lengths) > 1


def test_degrading_leaves_the_clip_as_it_is() -> None:
    clip, other = _clip(), np.ones(250 * SAMPLES_PER_FRAME, np.float32)
    frames, waveform = clip.frames.copy(), clip.waveform.copy()
    config = LagTaskConfig(mix_share=1.0, degrade_share=1.0)
    for seed in range(8):
        draw_window(np.random.default_rng(seed), clip, other, config)
    np.testing.assert_array_equal(clip.frames, frames)
    np.testing.assert_array_equal(clip.waveform, waveform)


class AlwaysNet(LagNet):
    """Answers every pair with the same curve: one height at one lag, another elsewhere."""

    def __init__(self, height: float, elsewhere: float, peak: int = REACH_TOKENS) -> None:
        super().__init__(SIZES)
        self.height, self.elsewhere, self.peak = height, elsewhere, peak
        self.sizes_seen: list[int] = []

    def compare(
        self,
        video: EncodedVideo,
        audio: EncodedAudio,
        has_video: torch.Tensor,
        has_audio: torch.Tensor,
    ) -> torch.Tensor:
        assert len(has_video) == len(has_audio) == len(audio.tokens) == len(video.motion)
        self.sizes_seen.append(len(has_video))
        curve = torch.full((len(has_video), N_LAGS), self.elsewhere)
        curve[:, self.peak] = self.height
        return curve


@pytest.fixture
def stored(tmp_path: Path) -> Callable[[int], list[Path]]:
    """Return a function that stores clips which differ in the level of their pictures."""

    def store(n: int) -> list[Path]:
        paths = []
        for index in range(n):
            clip, path = _clip(level=10 + 10 * index), tmp_path / f"{index}.npz"
            np.savez(
                path,
                scene=np.array(clip.scene),
                index=np.array(index),
                frames=clip.frames,
                waveform=clip.waveform.astype(np.float16),
                has_audio=clip.has_audio,
            )
            paths.append(path)
        return paths

    return store


def _task(train: list[Path], config: LagTaskConfig = CLEAN, seed: int = 0) -> LagTask:
    return LagTask(train, train, config, seed)


def test_batch_is_a_function_of_the_step_alone(stored: Callable[[int], list[Path]]) -> None:
    paths, config = stored(5), LagTaskConfig(batch_size=3)
    one, other = _task(paths, config=config), _task(paths, config=config)
    backwards = {step: other.batch(step) for step in (2, 1, 0)}
    for step in range(3):
        batch = one.batch(step)
        assert all(torch.equal(batch[key], backwards[step][key]) for key in batch)
    reseeded = _task(paths, config=config, seed=1).batch(0)
    assert not torch.equal(reseeded["offset_s"], backwards[0]["offset_s"])
    assert not torch.equal(backwards[1]["offset_s"], backwards[0]["offset_s"])


def test_every_clip_comes_once_in_an_epoch(stored: Callable[[int], list[Path]]) -> None:
    task, shown = _task(stored(6)), []
    for step in range(6):
        corner = task.batch(step)["grey"][:, 0, 0, 0].int()
        shown += torch.minimum(corner, 255 - corner).tolist()  # Some are shown inverted.
    epochs = [shown[first : first + 6] for first in range(0, 24, 6)]
    assert all(Counter(epoch) == Counter(range(10, 70, 10)) for epoch in epochs)
    assert epochs[0] != epochs[1]


def test_foreign_sound_is_to_be_called_unrelated(stored: Callable[[int], list[Path]]) -> None:
    network = AlwaysNet(-40.0, -40.0)
    task = _task(stored(4))
    loss, metrics = task.loss(network, task.batch(0))
    # Two crowded windows, two others, and two pairs with foreign sound, which alone are right.
    assert network.sizes_seen == [2, 2, 2]
    assert metrics["foreign"] == 1.0
    assert float(loss) == pytest.approx(4 * 40 / 6, rel=1e-3)


def test_a_sure_peak_is_right_for_its_own_sound_only(stored: Callable[[int], list[Path]]) -> None:
    batch = _task(stored(4)).batch(0)
    lag = round(float(batch["offset_s"][0]) / LAG_STEP_S) + REACH_TOKENS
    batch["offset_s"] = batch["offset_s"][:1].repeat(4)
    batch["target"] = torch.eye(N_LAGS + 1)[[lag] * 4]
    task = _task([], replace(CLEAN, crowd_share=0.0))
    loss, metrics = task.loss(AlwaysNet(40.0, 0.0, lag), batch)
    assert metrics == {"accuracy": 1.0, "foreign": 0.0}
    # A third of the pairs has foreign sound.
    assert float(loss) == pytest.approx(40 / 3, rel=0.01)


def test_loss_reaches_every_weight(stored: Callable[[int], list[Path]]) -> None:
    network = LagNet(SIZES)
    task = _task(stored(4), LagTaskConfig(batch_size=3))
    loss, _ = task.loss(network, task.batch(0))
    loss.backward()  # type: ignore[no-untyped-call]
    without = [name for name, weight in network.named_parameters() if weight.grad is None]
    assert without == []


def test_validation_logits_are_true_and_foreign_pairs(stored: Callable[[int], list[Path]]) -> None:
    logits, truth = _task(stored(4)).validation_logits(AlwaysNet(5.0, 0.0))
    assert logits.shape == (8, N_LAGS)
    assert (truth[4:] == N_LAGS).all()
    offsets_s = lag_axis()[truth[:4]]
    assert all(np.isclose(OFFSET_GRID_S, float(offset_s)).any() for offset_s in offsets_s)


def test_clip_left_over_alone_is_foreign_to_none(stored: Callable[[int], list[Path]]) -> None:
    logits, truth = _task(stored(5)).validation_logits(AlwaysNet(5.0, 0.0))
    assert (truth < N_LAGS).sum() == 5
    assert (truth == N_LAGS).sum() == 4
    assert len(logits) == len(truth)


def test_validation_is_the_same_every_time(stored: Callable[[int], list[Path]]) -> None:
    task, network = _task(stored(4)), AlwaysNet(5.0, 0.0)
    assert task.validate(network) == task.validate(network)


def test_summary_of_a_network_that_knows() -> None:
    offset_s = torch.tensor([0.4, -1.2, 0.0])
    logits = torch.full((3, N_LAGS), -20.0)
    for row, value in enumerate(offset_s):
        logits[row, round(float(value) / LAG_STEP_S) + REACH_TOKENS] = 20.0
    found = summary(logits, torch.full((3, N_LAGS), -20.0), offset_s)
    assert found["accuracy"] == found["within_one"] == found["within_100ms"] == found["auc"] == 1
    assert found["median_ms"] < 1
    assert found["loss"] < 1e-3


def test_summary_of_a_network_that_is_a_class_off() -> None:
    logits = torch.zeros(2, N_LAGS)
    logits[:, REACH_TOKENS + 10] = 20.0
    found = summary(logits, torch.zeros(2, N_LAGS), torch.tensor([0.0, 0.4]))
    assert (found["accuracy"], found["within_one"], found["within_100ms"]) == (0, 1, 0)
    assert found["median_ms"] == pytest.approx(200)
