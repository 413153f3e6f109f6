from pathlib import Path

import pytest

from training.config import RunConfig, read_config
from training.config_values import ConfigError, build


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
