"""Configuration of a run: a preset with changes from the command line."""

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from difflib import get_close_matches
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, cast, get_args, get_origin, get_type_hints

import tomli_w

from core.errors import SyncError
from core.model.synchformer.dimensions import WIDTH
from core.paths import complete_or_absent
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

_T = TypeVar("_T")

_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


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
            values = json.loads(json.dumps(asdict(config), default=str))
            partial.write_text(tomli_w.dumps(_without_none(values)), encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written ({error.strerror}); choose another folder.", path=path
        ) from error
    return path


def _without_none(values: Mapping[str, object]) -> dict[str, object]:
    """Leave out None, as TOML has none."""
    return {
        key: _without_none(value) if isinstance(value, Mapping) else value
        for key, value in values.items()
        if value is not None
    }


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


class ConfigError(SyncError):
    """A configuration cannot be read, or has unknown keys or wrong values."""


class Written(str):
    """A value from the command line: TOML, or text without quotation marks."""

    __slots__ = ()

    def read(self) -> object:
        """Parse as TOML; the text itself if it is not TOML."""
        try:
            return tomllib.loads(f"value = {self}")["value"]
        except tomllib.TOMLDecodeError:
            return str(self)


def build(kind: type[_T], values: Mapping[str, object], section: str = "") -> _T:
    """Build a dataclass, and the dataclasses inside it, from the values of a preset.

    Args:
        kind: A dataclass of plain values, paths, tuples of both, and dataclasses.
        values: Value by field name; missing fields get their defaults.
        section: Prefix of field names in messages, such as "loop.".

    Raises:
        ConfigError: A key is unknown, or a value has a wrong type or is not allowed.
    """
    hints: dict[str, Any] = get_type_hints(kind)
    known = [one.name for one in fields(cast("Any", kind))]
    made: dict[str, object] = {}
    for name, value in values.items():
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean {section}{near[0]}? Known" if near else "known"
            raise ConfigError(f"There is no {section}{name}; {hint} are {', '.join(known)}.")
        made[name] = _checked(value, hints[name], f"{section}{name}")
    try:
        return kind(**made)
    except ValueError as error:
        raise ConfigError(f"In {section.rstrip('.') or 'the preset'}: {error}.") from error


def _checked(value: object, hint: Any, name: str) -> object:
    """Convert a value to the type of its field."""
    if is_dataclass(hint):
        if not isinstance(value, Mapping):
            raise ConfigError(f"{name} is a section, not a value; write {name}.key=value.")
        return build(cast("type", hint), value, f"{name}.")
    if isinstance(hint, UnionType):
        (hint,) = (one for one in get_args(hint) if one is not NoneType)
    if isinstance(value, Written):
        value = _read(value, is_text=hint in (str, Path))
    if get_origin(hint) is tuple:
        return _row(value, get_args(hint), name)
    return _single(value, hint, name)


def _read(written: Written, *, is_text: bool) -> object:
    # A folder may have the name 2024 or 1e3.
    value = written.read()
    return str(written) if is_text and not isinstance(value, str) else value


def _row(value: object, kinds: tuple[Any, ...], name: str) -> tuple[object, ...]:
    parts = value if isinstance(value, list) else [value]
    if kinds[-1] is Ellipsis:
        kinds = len(parts) * kinds[:1]
    if len(parts) != len(kinds):
        raise ConfigError(f"{name} takes {len(kinds)} values in brackets, not {value!r}.")
    return tuple(_single(part, kind, name) for part, kind in zip(parts, kinds, strict=True))


def _single(value: object, kind: Any, name: str) -> object:
    if get_origin(kind) is Literal:
        allowed = get_args(kind)
        if value not in allowed:
            raise ConfigError(f"{name} is one of {', '.join(allowed)}, not {value}.")
        return value
    if kind is Path and isinstance(value, str):
        return Path(value)
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise ConfigError(f"{name} is {_WORDS.get(kind, 'a path')}, not {value!r}.")
    return value
