"""Values of a configuration, checked against the types of their fields."""

import tomllib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, cast, get_args, get_origin, get_type_hints

from core.errors import SyncError

_T = TypeVar("_T")

_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


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
