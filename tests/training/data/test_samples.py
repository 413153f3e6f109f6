import hashlib
import json
import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from core.errors import SyncError
from tests.golden.stand_in import GOLDEN_FOLDER
from training.aliases import Tensors
from training.data.augment import Augmentation
from training.data.clip import Clip
from training.data.sample_config import SampleRecipe
from training.data.samples import (
    ContrastiveSamples,
    SharedWindowSamples,
    SynchabilitySamples,
    SyncSamples,
    augmented_sample,
    loader,
    plain_sample,
)
from training.data.sets.data_set import DataSet, DataSetError, FixedOffset, Item
from training.data.window_positions import Cut, draw_contrastive, fixed_sync

SHORT = SampleRecipe(longest_s=2.0, n_segments=2)
"""Two segments of the first 2 s, which are read fast."""

NOTHING = Augmentation(flip=0.0)


def assert_same(one: Tensors, other: Tensors) -> None:
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert torch.equal(value, other[name]), name


def with_bad(data_set: DataSet, path: Path, numbers: tuple[int, ...]) -> DataSet:
    items = list(data_set.items)
    for number in numbers:
        items[number] = Item(f"bad{number}", path)
    return replace(data_set, items=tuple(items))


@pytest.fixture
def bad_clip(tmp_path: Path) -> Path:
    path = tmp_path / "bad.mp4"
    path.write_bytes(b"no clip at all, but some bytes")
    return path


def test_a_window_is_what_the_network_takes(three_clips: DataSet) -> None:
    samples = SyncSamples(three_clips, SampleRecipe(), seed=0)
    sample = samples[4]
    assert {name: (tuple(value.shape), value.dtype) for name, value in sample.items()} == {
        "video": ((14, 16, 3, 224, 224), torch.float16),
        "mel": ((14, 1, 128, 66), torch.float32),
        "label": ((), torch.int64),
        "offset_s": ((), torch.float32),
        "item": ((), torch.int64),
        "skipped": ((), torch.int64),
    }
    assert sample["video"].abs().max() <= 1
    assert sample["skipped"] == 0
    assert (samples.n_items, len(samples), samples.stage) == (3, 3, "sync")
    assert_same(SyncSamples(three_clips, SampleRecipe(), seed=0)[4], sample)


def test_synchronizability_has_13_segments_or_14(three_clips: DataSet) -> None:
    recipe = SampleRecipe()
    assert len(SynchabilitySamples(three_clips, recipe, 0)[0]["mel"]) == 13
    sample = SharedWindowSamples(three_clips, recipe, 0, for_test=True)[1]
    assert len(sample["video"]) == 14
    assert sample["label"] in (0, 1)


def test_positions_decide_all_and_other_seeds_decide_otherwise(three_clips: DataSet) -> None:
    samples = ContrastiveSamples(three_clips, SHORT, seed=1)
    forwards = [samples[position] for position in range(6)]
    again = ContrastiveSamples(three_clips, SHORT, seed=1)
    for position in reversed(range(6)):
        assert_same(again[position], forwards[position])
    other = ContrastiveSamples(three_clips, SHORT, seed=2)
    assert not torch.equal(other[0]["mel"], forwards[0]["mel"])
    items = [int(sample["item"]) for sample in forwards]
    assert sorted(items[:3]) == sorted(items[3:]) == [0, 1, 2]


def test_epochs_can_leave_clips_to_the_next_one(three_clips: DataSet) -> None:
    samples = ContrastiveSamples(three_clips, SHORT, seed=0, n_used=2)
    items = [int(samples[position]["item"]) for position in range(12)]
    assert all(a != b for a, b in zip(items[::2], items[1::2], strict=True))
    assert set(items) == {0, 1, 2}


def test_windows_of_a_test_stay_the_same_and_every_pass_has_others(three_clips: DataSet) -> None:
    recipe = replace(SampleRecipe(), n_passes=2)
    samples = SyncSamples(three_clips, recipe, seed=0, for_test=True)
    assert len(samples) == 6
    first, second = samples[1], samples[4]
    assert (first["item"], second["item"]) == (1, 1)
    assert not torch.equal(first["mel"], second["mel"])
    assert_same(samples[1], first)
    with pytest.raises(IndexError, match="from 0 to 5, got 6"):
        samples[6]


def test_tables_decide_the_windows_of_a_test(three_clips: DataSet) -> None:
    fixed = {"b": FixedOffset(offset_s=-1.0, start_s=2.0)}
    data_set = replace(three_clips, fixed=fixed)
    samples = SyncSamples(data_set, SampleRecipe(), seed=0, for_test=True)
    sample = samples[1]
    assert sample["offset_s"] == -1.0
    assert sample["label"] == 5
    drawn = SyncSamples(
        data_set, replace(SampleRecipe(), use_fixed_offsets=False), 0, for_test=True
    )
    assert not torch.equal(drawn[1]["mel"], sample["mel"])


def test_tables_do_not_decide_when_several_windows_of_a_clip_are_used(
    three_clips: DataSet,
) -> None:
    data_set = replace(three_clips, fixed={"b": FixedOffset(offset_s=-1.0, start_s=2.0)})
    samples = SyncSamples(data_set, replace(SampleRecipe(), n_passes=2), seed=0, for_test=True)
    first, second = samples[1], samples[4]
    assert not torch.equal(first["mel"], second["mel"])


def test_tests_of_the_first_stage_are_exact_and_plain(three_clips: DataSet) -> None:
    samples = ContrastiveSamples(three_clips, SHORT, seed=0, for_test=True)
    assert samples[0]["video"].dtype == torch.float32
    for name in ("video", "mel"):
        assert torch.equal(samples[0][name], samples[2][name])


def test_unusable_clips_are_skipped_and_counted(
    three_clips: DataSet, bad_clip: Path, caplog: pytest.LogCaptureFixture
) -> None:
    samples = ContrastiveSamples(with_bad(three_clips, bad_clip, (0, 1)), SHORT, seed=0)
    with caplog.at_level(logging.WARNING):
        found = [samples[position] for position in range(3)]
    assert {int(sample["item"]) for sample in found} == {2}
    assert sorted(int(sample["skipped"]) for sample in found) == [0, 1, 2]
    assert f"{bad_clip.name} is damaged or not a media file" in caplog.text
    assert_same(samples[1], found[1])


def test_unusable_clips_can_end_the_run(three_clips: DataSet, bad_clip: Path) -> None:
    recipe = replace(SHORT, unusable="stop")
    samples = ContrastiveSamples(with_bad(three_clips, bad_clip, (0, 1, 2)), recipe, seed=0)
    with pytest.raises(DataSetError, match=r"bad\.mp4 .* samples\.unusable=skip"):
        samples[0]


def test_a_data_set_of_which_nothing_can_be_used_is_refused(
    three_clips: DataSet, bad_clip: Path
) -> None:
    samples = ContrastiveSamples(with_bad(three_clips, bad_clip, (0, 1, 2)), SHORT, seed=0)
    with pytest.raises(DataSetError, match="3 consecutive clips of three cannot be used"):
        samples[0]


def test_too_short_clips_are_named_with_what_they_lack(three_clips: DataSet) -> None:
    recipe = replace(SampleRecipe(), longest_s=5.0, unusable="stop")
    with pytest.raises(DataSetError, match=r"\.mp4 is too short: it has 5\.00 s, but an offset"):
        SyncSamples(three_clips, recipe, seed=0)[0]


def test_recipes_are_checked() -> None:
    with pytest.raises(ValueError, match="n_passes is to be 1 or more, not 0"):
        SampleRecipe(n_passes=0)
    with pytest.raises(ValueError, match="unusable is skip or stop, not ask"):
        SampleRecipe(unusable="ask")  # type: ignore[arg-type]


class Numbers:
    """Samples that tell which process made them; one of them cannot be made."""

    n_items = 100

    def __init__(self, unusable: int = -1) -> None:
        self._unusable = unusable

    def __len__(self) -> int:
        return self.n_items

    def __getitem__(self, position: int) -> Tensors:
        if position == self._unusable:
            raise DataSetError(f"There is no {position}.", path=Path("clip.mp4"))
        return {"position": torch.tensor(position), "process": torch.tensor(os.getpid())}


def endless() -> Iterator[list[int]]:
    return ([first, first + 1] for first in count(step=2))


def test_workers_deliver_in_order_what_is_asked_for_without_end() -> None:
    batches = loader(Numbers(), endless(), n_workers=2)
    found = [next(batches) for _ in range(6)]
    assert torch.stack([batch["position"] for batch in found]).tolist() == [
        [first, first + 1] for first in range(0, 12, 2)
    ]
    makers = {int(process) for batch in found for process in batch["process"]}
    assert len(makers) == 2
    assert os.getpid() not in makers
    batches.close()  # type: ignore[attr-defined]
    assert not multiprocessing.active_children()
    assert not [process for process in makers if is_running(process)]


def test_failures_in_workers_arrive_as_they_are_when_their_turn_comes() -> None:
    batches = loader(Numbers(unusable=4), endless(), n_workers=1)
    assert next(batches)["position"].tolist() == [0, 1]
    next(batches)
    with pytest.raises(SyncError, match=r"^There is no 4\.$") as caught:
        next(batches)
    assert caught.value.path == Path("clip.mp4")


def test_workers_make_the_samples_that_would_be_made_here(three_clips: DataSet) -> None:
    samples = ContrastiveSamples(three_clips, SHORT, seed=3)
    asked = [[5, 0], [3]]
    here, there = (list(loader(samples, asked, n_workers)) for n_workers in (0, 1))
    assert [len(batch["item"]) for batch in there] == [2, 1]
    for one, other in zip(here, there, strict=True):
        assert_same(one, other)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes as Linux lists them")
def test_workers_end_when_their_process_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "run.py"
    script.write_text(
        "from tests.training.data.test_samples import Numbers, endless\n"
        "from training.data.samples import loader\n"
        "if __name__ == '__main__':\n"
        "    for batch in loader(Numbers(), endless(), 1):\n"
        "        print(int(batch['process'][0]), flush=True)\n"
        "        input()\n"
    )
    root = Path(__file__).parents[3]
    with subprocess.Popen(
        [sys.executable, str(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(root)},
    ) as run:
        assert run.stdout is not None
        worker = int(run.stdout.readline())
        assert is_running(worker)
        run.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 20
    while is_running(worker) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not is_running(worker)


def is_running(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.golden
def test_window_of_a_test_enters_the_network_as_published(
    arithmetic_clip: Clip, goldens: dict[str, NDArray[np.float32]]
) -> None:
    sample = plain_sample(arithmetic_clip, fixed_sync(200, 1.16, 0.6))
    video = sample["video"]
    assert video.shape == (14, 16, 3, 224, 224)
    assert video.dtype == torch.float16
    flat = video.reshape(-1)
    sampled = flat[(torch.arange(64) * 524287 + 12345) % flat.numel()]
    np.testing.assert_array_equal(sampled.float(), goldens["synthetic/video_at"])
    bytes_again = ((video.float() * 0.5 + 0.5) * 255).round().to(torch.uint8)
    recorded = json.loads((GOLDEN_FOLDER / "goldens.json").read_text())
    digest = hashlib.sha256(bytes_again.numpy().tobytes()).hexdigest()
    assert digest == recorded["synthetic_pixels_sha256"]
    expected = goldens["synthetic/mel"]
    np.testing.assert_allclose(sample["mel"][: len(expected)], expected, rtol=0, atol=1e-4)
    assert sample["label"] == 13
    assert sample["offset_s"] == pytest.approx(0.6)


def test_pixels_can_be_normalised_without_rounding(arithmetic_clip: Clip) -> None:
    cut = Cut((5,), (3200,), 0.0, 10)
    exact = plain_sample(arithmetic_clip, cut, in_half=False)["video"]
    assert exact.dtype == torch.float32
    rounded = plain_sample(arithmetic_clip, cut)["video"].float()
    assert 0 < (exact - rounded).abs().max() < 5e-4


@pytest.mark.parametrize("apart", [False, True])
def test_without_augmentation_only_the_square_is_drawn(arithmetic_clip: Clip, apart: bool) -> None:
    cut = Cut((5, 13), (3200, 8320), 0.0, 10)
    rng = np.random.default_rng(0)
    sample = augmented_sample(rng, arithmetic_clip, cut, NOTHING, apart=apart)
    plain = plain_sample(arithmetic_clip, cut)
    torch.testing.assert_close(sample["mel"], plain["mel"], rtol=0, atol=0)
    assert not torch.equal(sample["video"], plain["video"])
    # Both segments show the eight frames that they share, in the same square.
    torch.testing.assert_close(sample["video"][0, 8:], sample["video"][1, :8], rtol=0, atol=0)


def test_segments_apart_are_mirrored_each_by_itself(arithmetic_clip: Clip) -> None:
    cut = draw_contrastive(np.random.default_rng(1), 200, 8)
    always, never = (Augmentation(flip=flip) for flip in (1.0, 0.0))
    mirrored, straight, some = (
        augmented_sample(np.random.default_rng(2), arithmetic_clip, cut, one, apart=True)["video"]
        for one in (always, never, Augmentation(flip=0.5))
    )
    torch.testing.assert_close(mirrored, straight.flip(-1), rtol=0, atol=0)
    are_mirrored = [torch.equal(a, b) for a, b in zip(some, mirrored, strict=True)]
    are_straight = [torch.equal(a, b) for a, b in zip(some, straight, strict=True)]
    assert [not one for one in are_mirrored] == are_straight
    assert 0 < sum(are_mirrored) < 8


def test_a_window_is_mirrored_as_a_whole(arithmetic_clip: Clip) -> None:
    cut = fixed_sync(200, 0.0, 0.0)
    one = Augmentation(flip=0.5)
    for seed in range(4):
        rng = np.random.default_rng(seed)
        video = augmented_sample(rng, arithmetic_clip, cut, one, apart=False)["video"]
        torch.testing.assert_close(video[0, 8:], video[1, :8], rtol=0, atol=0)
