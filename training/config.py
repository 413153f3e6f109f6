"""What decides a run: a preset, and what is changed of it on the command line."""

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar, cast, get_type_hints

import tomli_w

from core.errors import SyncError
from core.model.config import WIDTH
from core.paths import complete_or_absent
from training.data.recipe import SampleRecipe
from training.data.sets.data_set import DataConfig
from training.loop_config import EpochConfig, LoopConfig
from training.stages.caching import CacheConfig

PRESETS = Path(__file__).parent / "presets"

CONFIG_NAME = "config.toml"

_T = TypeVar("_T")


class ConfigError(SyncError):
    """A configuration cannot be read or says what there is not."""


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
        stage: "contrastive", "sync" or "synchability".
        model: The network.
        data: The clips.
        samples: How windows are made of them.
        loop: The schedule.
        epochs: The schedule, as far as it follows from the number of clips and processes.
        start: Where it begins.
        cache: How features on the disk are used, where there are any.
    """

    stage: str = "sync"
    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    samples: SampleRecipe = field(default_factory=SampleRecipe)
    loop: LoopConfig = field(default_factory=LoopConfig)
    epochs: EpochConfig = field(default_factory=EpochConfig)
    start: StartConfig = field(default_factory=StartConfig)
    cache: CacheConfig = field(default_factory=CacheConfig)


def resolved(config: RunConfig) -> str:
    """Return all of a configuration as JSON."""
    return json.dumps(asdict(config), sort_keys=True, default=str)


def read_stage(stage: str, preset: Path, overrides: Sequence[str]) -> RunConfig:
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
        key, equals, text = one.partition("=")
        if not equals:
            raise ConfigError(f"{one} changes nothing; write section.key=value.")
        *sections, last = key.split(".")
        inner = values
        for section in sections:
            inner = inner.setdefault(section, {})
        inner[last] = _value(text)
    return _built(RunConfig, values, "")


def _row(values: list[object], hint: object) -> tuple[object, ...]:
    return tuple(Path(str(one)) if "Path" in str(hint) else one for one in values)


def _value(text: str) -> object:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _built(kind: type[_T], values: Mapping[str, object], section: str) -> _T:
    hints: dict[str, Any] = get_type_hints(kind)
    known = [one.name for one in fields(cast("Any", kind))]
    made: dict[str, object] = {}
    for name, value in values.items():
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean {section}{near[0]}? Known" if near else "known"
            raise ConfigError(f"There is no {section}{name}; {hint} are {', '.join(known)}.")
        hint = hints[name]
        if is_dataclass(hint) and isinstance(value, Mapping):
            made[name] = _built(cast("type", hint), value, f"{section}{name}.")
        elif isinstance(value, str) and "Path" in str(hint):
            made[name] = Path(value)
        else:
            made[name] = _row(value, hint) if isinstance(value, list) else value
    try:
        return kind(**made)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"In {section or 'the preset'}: {error}.") from error
