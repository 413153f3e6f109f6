"""What decides a run: a preset, and what is changed of it on the command line."""

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
"""What the validations of a stage measure."""


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """Sizes of the network, and what belongs to learning with it.

    Attributes:
        width: Of the tokens, a multiple of 24.
        depth: Blocks of each tower.
        dropout: Of the synchronization module.
        stochastic_depth: Of the last visual block, in the first stage.
        gather_negatives: Compare with the segments of all processes, in the first stage.
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
    """The weights that a run begins with.

    Attributes:
        checkpoint: Of the stage before, or of the same.
        visual: Motionformer, for the first stage.
        audio: AST, for the first stage.
        small: Give the synchronization module first values that suit a small width.
    """

    checkpoint: Path | None = None
    visual: Path | None = None
    audio: Path | None = None
    small: bool = False


@dataclass(frozen=True, slots=True)
class RunConfig:
    """Everything that decides what the weights become.

    Attributes:
        stage: The command that it is for.
        model: The network.
        data: The clips.
        samples: How windows are made of them.
        loop: The schedule.
        epochs: The schedule, as far as it follows from the number of clips and processes.
        start: Where it begins.
        cache: How features on the disk are used, where there are any.
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
    """Return all of a configuration as JSON."""
    return json.dumps(asdict(config), sort_keys=True, default=str)


def read_stage(stage: Stage, preset: Path, overrides: Sequence[str]) -> RunConfig:
    """Read a preset for the command of a stage, as `read_config` does.

    Raises:
        ConfigError: As there; or it is a preset of another stage.
    """
    config = read_config(preset, overrides)
    if config.stage != stage:
        raise ConfigError(
            f"The preset {preset} is for the command {config.stage}, not for {stage}; choose"
            " another preset or the other command.",
            path=preset,
        )
    return config


def save_config(config: RunConfig, folder: Path) -> Path:
    """Write all of a configuration into a folder, which is made, as a preset to be used again.

    Raises:
        ConfigError: It cannot be written.
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
    """Return values as TOML has them, which knows no None: what is left out is not there."""
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
    """Read a preset by its name or path, and change some of it.

    Args:
        preset: A name in `PRESETS`, or a TOML file.
        overrides: `section.key=value` each, the value as in TOML or as plain text.

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
    """Change one value, which stays as it is written until its type is known."""
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
