import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from core.detection.config import DetectionConfig
from core.detection.engines.base import ClipContext
from core.detection.engines.lag import LagEngine
from core.errors import CheckpointError
from core.model.builtin.file import read_builtin
from core.progress import SILENT
from training.__main__ import EXIT_FAILED, main
from training.benchmark.clips import read_recording
from training.builtin import command
from training.builtin.command import BuiltinRecipe, make_builtin
from training.data.synthetic import cache
from training.data.synthetic.performance import Scene
from training.data.synthetic.recipe import draw_recipe
from training.loop.loop import LATEST

RECIPE = BuiltinRecipe(
    n_train=2, n_validation=2, n_calibration=1, n_unfamiliar=1, n_steps=1, batch_size=2
)
OPTIONS = {
    "--train-clips": "2",
    "--validation-clips": "2",
    "--calibration-clips": "1",
    "--unfamiliar-clips": "1",
    "--steps": "1",
    "--batch": "2",
    "--workers": "1",
}
ROOT = Path(__file__).resolve().parents[3]


def _store(folder: Path, split: str, index: int) -> None:
    """Put a small clip where a rendered one would lie."""
    name = draw_recipe(split, index).scene.name.replace(" ", "-")
    rng = np.random.default_rng(index)
    np.savez(
        folder / f"{split}-{index:06d}-{name}.npz",
        scene=np.array(name),
        index=np.array(index),
        frames=rng.integers(0, 256, (250, 32, 32), np.uint8),
        waveform=(0.1 * rng.standard_normal(250 * 640)).astype(np.float16),
        has_audio=np.ones(250, np.bool_),
    )


def _check_same(one: Path, other: Path) -> None:
    models = [read_builtin(path) for path in (one, other)]
    assert models[0].calibration == models[1].calibration
    assert models[0].about == models[1].about
    tensors, others = (model.network.state_dict() for model in models)
    assert all(torch.equal(tensors[key], others[key]) for key in tensors)


@pytest.fixture
def clips(tmp_path: Path, make_clip: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with all clips of RECIPE; two scenes serve calibration."""
    folder = tmp_path / "clips"
    folder.mkdir()
    for split in ("train", "val"):
        for index in range(2):
            _store(folder, split, index)
    scenes = tuple(Scene(name, draw_recipe("train", 0).scene.perform) for name in ("one", "two"))
    for seed, scene in enumerate(scenes):
        make_clip(f"clips/calibration-{scene.name}-000.mp4", seed=seed, duration_s=5.2)
    monkeypatch.setattr(cache, "split_scenes", lambda split: scenes)
    # It would last for all tests of the process.
    monkeypatch.setattr(command, "_keep_memory", lambda: None)
    return folder


def _words(folder: Path, clips: Path, **changed: str) -> list[str]:
    options = OPTIONS | {f"--{key}": value for key, value in changed.items()}
    flat = [word for option in options.items() for word in option]
    return ["builtin", str(folder), "--clips", str(clips), *flat]


def test_a_run_writes_a_model_that_answers(tmp_path: Path, clips: Path) -> None:
    folder = tmp_path / "run"
    path = make_builtin(folder, clips, RECIPE, 1, SILENT)

    model = read_builtin(path)
    assert (path, path.parent) == (folder / "weights.safetensors", folder)
    assert model.about.seed == RECIPE.seed
    assert json.loads(model.about.recipe)["n_steps"] == 1
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert model.about.commit.removesuffix("-dirty") == head.stdout.strip()
    assert len(model.calibration.confidence) == 7
    facts = json.loads((folder / "summary.json").read_text())
    assert facts["calibration"]["temperature"] == model.calibration.temperature
    assert facts["validation"]["loss"] > 0
    assert path.stat().st_size < 10e6

    recording = read_recording(clips / "calibration-one-000.mp4")
    run = LagEngine(model).start(DetectionConfig(), SILENT, ClipContext(recording.n_frames))
    evidence = [
        item for chunk in recording.with_audio(recording.audio) for item in run.consume(chunk)
    ]
    evidence += run.finish()
    assert evidence
    assert all(np.isfinite(item.log_likelihood).all() for item in evidence)


@pytest.mark.slow
def test_weights_depend_on_the_seed_and_nothing_else(tmp_path: Path, clips: Path) -> None:
    paths = []
    for name, seed in (("one", 0), ("again", 0), ("other", 1)):
        torch.rand(3)
        recipe = BuiltinRecipe(2, 2, 1, 1, 2, seed=seed)
        paths.append(make_builtin(tmp_path / name, clips, recipe, 1, SILENT))
    _check_same(paths[0], paths[1])
    weights = [read_builtin(path).network.state_dict()["audio.out.weight"] for path in paths]
    assert not torch.equal(weights[0], weights[2])


def test_the_command_goes_on_and_refuses_another_recipe(
    tmp_path: Path, clips: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    assert main(_words(folder, clips)) == 0
    assert capsys.readouterr().out.strip() == f"Written: {folder / 'weights.safetensors'}"
    trained = (folder / LATEST).stat().st_mtime_ns
    written = (folder / "weights.safetensors").rename(folder / "before.safetensors")

    assert main(_words(folder, clips)) == 0
    assert (folder / LATEST).stat().st_mtime_ns == trained
    _check_same(folder / "weights.safetensors", written)

    capsys.readouterr()
    assert main(_words(folder, clips, batch="3")) == EXIT_FAILED
    assert "belongs to a run with another configuration" in capsys.readouterr().err


def test_a_model_is_calibrated_anew_with_the_network_it_has(tmp_path: Path, clips: Path) -> None:
    weights = make_builtin(tmp_path / "run", clips, RECIPE, 1, SILENT)
    words = ["--clips", str(clips), "--calibration-clips", "1", "--unfamiliar-clips", "1"]
    folder = tmp_path / "anew"
    assert main(["recalibrate", str(weights), str(folder), *words, "--workers", "1"]) == 0

    before, after = read_builtin(weights), read_builtin(folder / "weights.safetensors")
    for key, value in before.network.state_dict().items():
        torch.testing.assert_close(after.network.state_dict()[key], value, rtol=0, atol=0)
    assert after.calibration == before.calibration
    assert after.about.commit == before.about.commit
    recipe = json.loads(after.about.recipe)
    assert recipe["n_steps"] == RECIPE.n_steps
    assert recipe["calibration_commit"]


@pytest.mark.parametrize(
    "changed",
    [{"n_train": 3}, {"n_validation": 3}, {"n_calibration": 2}, {"batch_size": 3}, {"seed": 1}],
    ids=lambda changed: next(iter(changed)),
)
def test_every_part_of_the_recipe_counts(
    tmp_path: Path, changed: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    recipes = list[str]()

    class Enough(Exception):
        pass

    def note(*arguments: object) -> None:
        recipes.append(f"{arguments[2]} {arguments[5]}")
        raise Enough

    monkeypatch.setattr(command, "ensure_rendered", lambda *_, **__: [])
    monkeypatch.setattr(command, "_keep_memory", lambda: None)
    monkeypatch.setattr(command, "train", note)
    for recipe in (BuiltinRecipe(), BuiltinRecipe(**changed)):
        with pytest.raises(Enough):
            make_builtin(tmp_path, tmp_path, recipe, 1, SILENT)
    assert recipes[0] != recipes[1]


def test_help_states_the_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["builtin", "--help"]) == 0
    shown = capsys.readouterr().out
    for words in ("FOLDER", "--train-clips", "--steps", str(BuiltinRecipe().n_train)):
        assert words in shown


def test_outside_a_checkout_it_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "__file__", str(tmp_path / "training" / "command.py"))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(CheckpointError, match="run this in a git checkout"):
        command._commit()
