"""Configuration of a run: a preset with changes from the command line."""

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import tomli_w

from core.model.synchformer.dimensions import WIDTH
from core.paths import complete_or_absent
from training.config_values import ConfigError, Written, build
from training.data.sample_config import CacheConfig, SampleRecipe
from training.data.sets.data_set import DataConfig
from training.loop.config import EpochConfig, LoopConfig

PRESETS = Path(__file__).parent / "presets"

CONFIG_NAME = "config.toml"

_WIDTH_UNIT = 24

Stage = Literal["contrastive", "sync", "synchability"]

METRICS: Mapping[Stage, tuple[str, ...]] = {
    "contrastive": ("precision", "loss"),
    "sync": ("loss", "accuracy", "within_one"),
    "synchability": ("loss", "accuracy", "auc"),
}
"""Validation metrics of each stage."""


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """Sizes and regularization of the network.

    Attributes:
        width: Width of the tokens, a multiple of 24.
        depth: Number of blocks in each tower.
        dropout: Dropout probability in the synchronization module.
        stochastic_depth: Probability to skip the last visual block, first stage only.
        gather_negatives: Compare with the segments of all processes, first stage only.
    """

    width: int = WIDTH
    depth: int = 12
    dropout: float = 0.1
    stochastic_depth: float = 0.2
    gather_negatives: bool = False

    def __post_init__(self) -> None:
        if self.width < _WIDTH_UNIT or self.width % _WIDTH_UNIT:
            raise ValueError(f"width is to be a multiple of {_WIDTH_UNIT}, not {self.width}")
        if self.depth < 1:
            raise ValueError(f"depth is to be 1 or more, not {self.depth}")
        for name in ("dropout", "stochastic_depth"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} is to be from 0 to below 1, not {getattr(self, name)}")


@dataclass(frozen=True, slots=True)
class StartConfig:
    """Initial weights of a run.

    Attributes:
        checkpoint: Checkpoint of the previous or the same stage.
        visual: Weights of Motionformer, first stage only.
        audio: Weights of AST, first stage only.
        small: Initialize the synchronization module for a small width.
    """

    checkpoint: Path | None = None
    visual: Path | None = None
    audio: Path | None = None
    small: bool = False


@dataclass(frozen=True, slots=True)
class RunConfig:
    """Complete configuration of a run of a stage.

    Attributes:
        stage: Name of the command.
        model: The network.
        data: The clips.
        samples: Windows and augmentation.
        loop: The training loop.
        epochs: Parts of the schedule that depend on the numbers of clips and processes.
        start: Initial weights.
        cache: Use of features on disk.
    """

    stage: Stage = "sync"
    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    samples: SampleRecipe = field(default_factory=SampleRecipe)
    loop: LoopConfig = field(default_factory=LoopConfig)
    epochs: EpochConfig = field(default_factory=EpochConfig)
    start: StartConfig = field(default_factory=StartConfig)
    cache: CacheConfig = field(default_factory=CacheConfig)

    def __post_init__(self) -> None:
        known = METRICS[self.stage]
        if self.loop.best_by not in ("", *known):
            raise ValueError(
                f"loop.best_by is one of {', '.join(known)} in this stage, not {self.loop.best_by}"
            )


def resolved(config: RunConfig) -> str:
    """Write a complete configuration as JSON."""
    return json.dumps(asdict(config), sort_keys=True, default=str)


def read_stage(stage: Stage, preset: Path, overrides: Sequence[str]) -> RunConfig:
    """Read a preset for the command of a stage; see `read_config`.

    Raises:
        ConfigError: `read_config` fails, or the preset is for another stage.
    """
    config = read_config(preset, overrides)
    if config.stage != stage:
        raise ConfigError(
            f"The preset {preset} is for the command {config.stage}, not {stage}; choose another"
            " preset or the other command.",
            path=preset,
        )
    return config


def save_config(config: RunConfig, folder: Path) -> Path:
    """Write a complete configuration into a folder as a reusable preset.

    Args:
        config: The configuration.
        folder: Created if missing.

    Raises:
        ConfigError: The file cannot be written.
    """
    path = folder / CONFIG_NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with complete_or_absent(path) as partial:
            partial.write_text(tomli_w.dumps(_plain(asdict(config))), encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written ({error.strerror}); choose another folder.", path=path
        ) from error
    return path


def _plain(values: Mapping[str, object]) -> dict[str, object]:
    """Convert values to TOML types; TOML has no None, so such values are left out."""
    plain: dict[str, object] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            plain[key] = _plain(value)
        elif isinstance(value, tuple):
            plain[key] = [str(one) if isinstance(one, Path) else one for one in value]
        elif value is not None:
            plain[key] = str(value) if isinstance(value, Path) else value
    return plain


def read_config(preset: Path, overrides: Sequence[str]) -> RunConfig:
    """Read a preset by its name or path, and apply changes.

    Args:
        preset: Name of a preset in `PRESETS`, or a TOML file.
        overrides: Changes of the form `section.key=value`; values are TOML or plain text.

    Raises:
        ConfigError: The preset cannot be read, a key is unknown or a value is not allowed.
    """
    path = preset if preset.suffix else PRESETS / f"{preset}.toml"
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        known = ", ".join(sorted(one.stem for one in PRESETS.glob("*.toml")))
        raise ConfigError(
            f"The preset {preset} cannot be read; there are {known}, or name a TOML file.",
            path=path,
            details=str(error),
        ) from error
    for one in overrides:
        _override(values, one)
    return build(RunConfig, values)


def _override(values: dict[str, Any], override: str) -> None:
    """Change one value; it stays text until its type is known."""
    key, equals, text = override.partition("=")
    if not equals:
        raise ConfigError(f"{override} changes nothing; write section.key=value.")
    *sections, last = key.split(".")
    inner = values
    for section in sections:
        inner = inner.setdefault(section, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"There is no {key}, since {section} is a value and no section.")
    inner[last] = Written(text)
