from pathlib import Path

import pytest

from training.config import (
    PRESETS,
    ConfigError,
    RunConfig,
    build,
    read_config,
    read_stage,
    save_config,
)


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


def read(*overrides: str) -> RunConfig:
    return read_config(Path("stage2-tiny"), overrides)


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("loop.schedule=linear", r"loop\.schedule is one of cosine, constant, not linear"),
        ("loop.optimizer=AdamW", r"loop\.optimizer is one of adamw, adam, not AdamW"),
        ("loop.precision=fp16", r"is one of float32, bfloat16, float16, not fp16"),
        ("stage=third", r"stage is one of contrastive, sync, synchability, not third"),
        ("model.gather_negatives=no", r"gather_negatives is true or false, not 'no'"),
        ("samples.jitter=off", r"samples\.jitter is true or false, not 'off'"),
        ("loop.batch_size=2.5", r"loop\.batch_size is a whole number, not 2\.5"),
        ("loop.batch_size=true", r"loop\.batch_size is a whole number, not True"),
        ("loop.learning_rate=fast", r"loop\.learning_rate is a number, not 'fast'"),
        ("loop.betas=[0.9]", r"loop\.betas takes 2 values in brackets"),
        ("data.exclude=[3]", r"data\.exclude is a path, not 3"),
        ("loop=5", r"loop is a section, not a value; write loop\.key=value"),
        ("stage.x=1", r"There is no stage\.x, since stage is a value"),
        ("loop.n_steps", r"loop\.n_steps changes nothing; write section\.key=value"),
        ("loop.best_by=auc", r"one of loss, accuracy, within_one in this stage, not auc"),
        ("model.width=50", r"In model: width is to be a multiple of 24, not 50"),
    ],
)
def test_values_that_are_not_allowed_are_refused_in_words(override: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        read(override)


def test_numbers_and_texts_become_what_the_field_has() -> None:
    config = read("loop.learning_rate=1", "data.kind=lrs3", 'loop.best_by="loss"')
    assert type(config.loop.learning_rate) is float
    assert (config.data.kind, config.loop.best_by) == ("lrs3", "loss")


def test_paths_are_taken_as_they_are_written() -> None:
    config = read(
        "data.root=2024", "start.checkpoint=1e3", "data.exclude=a.txt", "data.lists='x y'"
    )
    assert config.data.root == Path("2024")
    assert config.start.checkpoint == Path("1e3")
    assert config.data.exclude == (Path("a.txt"),)
    assert config.data.lists == Path("x y")


def test_what_is_left_out_has_its_default() -> None:
    assert build(RunConfig, {}) == RunConfig()
