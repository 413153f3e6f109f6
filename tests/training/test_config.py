from pathlib import Path

import pytest

from training.config import PRESETS, RunConfig, read_config, read_stage, save_config
from training.config_values import ConfigError


@pytest.mark.parametrize("preset", sorted(PRESETS.glob("*.toml")), ids=lambda path: path.stem)
def test_each_preset_is_one_and_can_be_saved_as_it_is(preset: Path, tmp_path: Path) -> None:
    config = read_config(Path(preset.stem), [])
    assert config == read_config(preset, [])
    assert config.loop.n_steps > 0 or config.epochs.n > 0
    assert read_config(save_config(config, tmp_path / "run"), []) == config


def test_paths_survive_being_saved(tmp_path: Path) -> None:
    overrides = ["data.exclude=['a.txt', 'b']", "start.checkpoint=c.pt", "data.root=clips/of mine"]
    config = read_config(Path("stage2-tiny"), overrides)
    assert config.data.exclude == (Path("a.txt"), Path("b"))
    assert config.start.checkpoint == Path("c.pt")
    assert read_config(save_config(config, tmp_path), []) == config


def test_unknown_keys_are_refused_with_the_known_ones() -> None:
    with pytest.raises(
        ConfigError,
        match=r"no loop\.learn_rate; did you mean loop\.learning_rate\? Known are n_steps, b",
    ):
        read_config(Path("stage2-tiny"), ["loop.learn_rate=1"])
    with pytest.raises(ConfigError, match=r"There is no zzz; known are stage, model"):
        read_config(Path("stage2-tiny"), ["zzz=1"])
    with pytest.raises(ConfigError, match=r"n_steps is to be 0 or more"):
        read_config(Path("stage2-tiny"), ["loop.n_steps=-1"])
    with pytest.raises(ConfigError, match=r"there are .*stage1-lrs3.*stage3-tiny"):
        read_config(Path("stage9"), [])


def test_preset_of_another_stage_is_refused() -> None:
    assert read_stage("sync", Path("stage2-tiny"), []).stage == "sync"
    with pytest.raises(ConfigError, match=r"stage1-tiny is for the command contrastive, not sync"):
        read_stage("sync", Path("stage1-tiny"), [])


def test_published_schedules_follow_clips_and_processes() -> None:
    first, second = (read_config(Path(name), []) for name in ("stage1-lrs3", "stage2-lrs3"))
    on_four = first.epochs.apply(first.loop, 46387 // 8, 4)
    assert (on_four.n_steps, on_four.validate_every) == (579_800, 5798)
    assert (on_four.warm_up_steps, on_four.learning_rate) == (250, 5e-5)
    on_four = second.epochs.apply(second.loop, 46387 // 64, 4)
    assert (on_four.n_steps, on_four.validate_every) == (7_240_000, 724)
    assert (on_four.warm_up_steps, on_four.learning_rate) == (1000, 8e-6)


def test_published_recipes_have_the_published_numbers() -> None:
    first, second = (read_config(Path(name), []) for name in ("stage1-vggsound", "stage2-lrs3"))
    assert (first.loop.learning_rate, first.loop.batch_size) == (1e-4, 2)
    assert first.samples.augmentation.colour == 0.2
    assert (second.loop.eps, second.loop.learning_rate, second.loop.patience) == (1e-7, 2e-6, 20)
    assert second.model == RunConfig().model
