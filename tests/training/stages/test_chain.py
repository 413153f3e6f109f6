"""All three stages and their evaluation, one after the other, as one would call them."""

import json
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from training.__main__ import main
from training.data.synthetic.salient import SalientStyle, write_salient_clips
from training.loop.run_log import CURVES, LOG

TINY = ["model.width=24", "model.depth=1", "model.dropout=0.0", "model.stochastic_depth=0.0"]


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    """Two clips to learn from, of which one is asked about too."""
    folder = tmp_path / "clips"
    style = SalientStyle(is_single=True)
    write_salient_clips(folder / "train", 2, style=style)
    for split in ("valid", "test"):
        write_salient_clips(folder / split, 1, style=style)
    return folder


def test_each_stage_goes_on_from_the_one_before(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def call(command: str, *words: str) -> Path:
        out = tmp_path / command
        data = [f"data.root={clips}", *TINY]
        assert main([command, *words, "--out", str(out), "--device", "cpu", *data]) == 0
        return out

    few = ["loop.n_steps=1", "loop.batch_size=1", "loop.log_every=1"]
    first = call("contrastive", "--preset", "stage1-tiny", "samples.n_segments=8", *few)
    curves = EventAccumulator(str(first / CURVES)).Reload()
    pictures = [f"similarity-{name}" for name in ("v2a", "a2v", "v2v", "a2a")]
    assert sorted(curves.Tags()["images"]) == sorted(pictures)
    assert all((first / f"{name}.png").stat().st_size > 1000 for name in pictures)
    cache = ["--cache-features", str(tmp_path / "cache")]
    start = f"start.checkpoint={first / 'latest.pt'}"
    many = ["loop.n_steps=4", "loop.batch_size=8", "loop.validate_every=4", "loop.log_every=1"]
    second = call("sync", "--preset", "stage2-tiny", *cache, start, *many)
    start = f"start.checkpoint={second / 'latest.pt'}"
    third = call("synchability", "--preset", "stage3-tiny", *cache, start, *many)
    for folder in (first, second, third):
        lines = [json.loads(line) for line in (folder / LOG).read_text().splitlines()]
        assert "validation" in lines[-1]
    checkpoint = str(second / "latest.pt")
    third_stage = ["--synchability", str(third / "latest.pt")]
    out = call("evaluate", checkpoint, "--preset", "stage2-tiny", *third_stage)
    assert json.loads((out / "evaluation.json").read_text())["figures"]["n_answers"] == 1
    assert "Right (Acc@1)" in capsys.readouterr().out
