from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from torch import nn
from torch.multiprocessing.spawn import spawn
from torch.nn import functional as F

from tests.golden.stand_in import GOLDEN_FOLDER, published_shapes
from tests.training.stages.conftest import FixedSamples
from training.stages.contrastive import (
    ContrastiveModel,
    ContrastiveTask,
    compare_windows,
    contrastive_loss,
    similarities,
)
from training.stages.rank_share import Share

TINY = {"width": 24, "depth": 1}


@pytest.fixture(scope="module")
def recorded() -> dict[str, torch.Tensor]:
    with np.load(GOLDEN_FOLDER / "goldens.npz") as arrays:
        return {
            name: torch.from_numpy(arrays[name])
            for name in arrays.files
            if name.startswith(("stage1/", "shift_case/"))
        }


def unit_rows(seed: int, *shape: int) -> torch.Tensor:
    return F.normalize(torch.randn(shape, generator=torch.Generator().manual_seed(seed)), dim=-1)


@pytest.mark.golden
def test_the_network_has_the_published_parameters() -> None:
    with torch.device("meta"):
        network = ContrastiveModel()
    shapes = {name: tuple(weight.shape) for name, weight in network.state_dict().items()}
    assert shapes == published_shapes("avclip")


@pytest.mark.golden
def test_the_loss_is_the_published_one(recorded: dict[str, torch.Tensor]) -> None:
    similarity = recorded["stage1/similarity_v2a"]
    # The products of these two are the recorded similarities, which include the temperature.
    loss = contrastive_loss(similarity, torch.eye(len(similarity)), torch.tensor(1.0))
    assert float(loss) == pytest.approx(float(recorded["stage1/loss"]), abs=1e-5)


@pytest.mark.golden
def test_windows_find_the_published_ones(recorded: dict[str, torch.Tensor]) -> None:
    found = compare_windows(recorded["shift_case/visual"], recorded["shift_case/audio"])
    assert found.audio_of_visual.equal(recorded["shift_case/predictions_dim_audio"])
    assert found.visual_of_audio.equal(recorded["shift_case/predictions_dim_visual"])
    torch.testing.assert_close(found.precision, recorded["shift_case/precision"])


def test_windows_of_equal_embeddings_find_themselves_and_shifted_ones_do_not() -> None:
    visual = unit_rows(0, 3, 14, 32)
    assert compare_windows(visual, visual).precision.tolist() == [1.0] * 3
    shifted = compare_windows(visual, visual.roll(1, dims=1))
    assert shifted.precision.max() < 0.5
    assert (shifted.audio_of_visual[:, 1:-1] - torch.arange(1, 6) == 1).all()


def test_a_clip_shorter_than_a_window_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 8 segments, got 7"):
        compare_windows(unit_rows(0, 1, 7, 8), unit_rows(1, 1, 7, 8))


def test_the_temperature_stays_in_its_range_and_divides() -> None:
    network = ContrastiveModel(**TINY)
    assert network.logit_scale.item() == pytest.approx(0.07)
    video, mel = torch.zeros(1, 1, 16, 3, 224, 224), torch.zeros(1, 1, 1, 128, 66)
    for value, kept in ((-1.0, 0.001), (3.0, 0.5)):
        network.logit_scale.data.fill_(value)
        visual, audio = network(video, mel)
        assert network.logit_scale.item() == pytest.approx(kept)
    assert visual.shape == audio.shape == (1, 1, 24)
    torch.testing.assert_close(visual.norm(dim=-1), torch.ones(1, 1))
    rows = unit_rows(0, 8, 16)
    sharp = contrastive_loss(rows, rows, torch.tensor(0.05))
    assert sharp < contrastive_loss(rows, rows, torch.tensor(0.5))


def test_unrelated_embeddings_cost_about_the_logarithm_of_the_number_of_choices() -> None:
    loss = contrastive_loss(unit_rows(0, 28, 768), unit_rows(1, 28, 768), torch.tensor(0.5))
    assert float(loss) == pytest.approx(np.log(28), abs=0.05)


def test_gathered_negatives_are_those_of_one_rank_with_all_clips(tmp_path: Path) -> None:
    visual, audio = unit_rows(0, 6, 8).requires_grad_(), unit_rows(1, 6, 8).requires_grad_()
    loss = contrastive_loss(visual, audio, torch.tensor(0.1))
    loss.backward()
    meeting = (tmp_path / "meeting").as_uri()
    spawn(one_rank, args=(meeting, tmp_path), nprocs=2)
    parts = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2)]
    # Ranks average: each has half of the rows.
    assert sum(part["loss"] for part in parts) / 2 == pytest.approx(loss.item(), abs=1e-6)
    for name, whole in (("visual", visual.grad), ("audio", audio.grad)):
        assert whole is not None
        gradients = torch.cat([part[name] for part in parts]) / 2
        torch.testing.assert_close(gradients, whole, rtol=1e-5, atol=1e-7)


def one_rank(rank: int, meeting: str, folder: Path) -> None:
    torch.distributed.init_process_group("gloo", init_method=meeting, rank=rank, world_size=2)
    visual, audio = (
        unit_rows(seed, 6, 8)[3 * rank : 3 * rank + 3].requires_grad_() for seed in (0, 1)
    )
    loss = contrastive_loss(visual, audio, torch.tensor(0.1), gather_negatives=True)
    loss.backward()
    found = {"loss": loss.item(), "visual": visual.grad, "audio": audio.grad}
    torch.save(found, folder / f"{rank}.pt")
    torch.distributed.destroy_process_group()


class AsGiven(nn.Module):
    """Takes the first values of what it is shown for its embedding."""

    def __init__(self) -> None:
        super().__init__()
        self.logit_scale = nn.Parameter(torch.tensor(0.07))

    def forward(self, video: torch.Tensor, mel: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return video, mel


def test_validation_tells_how_many_windows_find_their_own() -> None:
    rows = unit_rows(0, 2, 14, 32)
    samples = FixedSamples(
        [{"video": rows[0], "mel": rows[0]}, {"video": rows[1], "mel": rows[1].roll(3, 0)}]
    )
    shown: dict[str, Figure] = {}
    task = ContrastiveTask(samples, samples, Share(batch_size=2))
    found = task.validate(AsGiven(), shown.__setitem__)
    assert 0.5 <= found["precision"] < 0.8
    assert found["loss"] > 1
    assert list(shown) == [f"similarity-{name}" for name in ("v2a", "a2v", "v2v", "a2a")]
    assert [len(figure.axes) for figure in shown.values()] == 4 * [3]  # two clips, one scale


def test_similarities_have_a_row_for_each_segment_that_is_compared() -> None:
    visual, audio = unit_rows(0, 2, 5, 16)
    found = similarities(visual, audio)
    assert found["v2a"][1, 3] == pytest.approx(float(visual[1] @ audio[3]), abs=1e-6)
    assert found["a2v"][1, 3] == pytest.approx(float(audio[1] @ visual[3]), abs=1e-6)
    assert found["v2v"].diagonal() == pytest.approx(np.ones(5), abs=1e-6)
    assert found["a2a"][1, 3] == pytest.approx(float(audio[1] @ audio[3]), abs=1e-6)
