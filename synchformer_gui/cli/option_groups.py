"""Groups of options: one dataclass instead of many parameters of a command."""

from collections.abc import Callable
from dataclasses import Field, fields, is_dataclass
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import Any, get_type_hints


def grouped(command: Callable[..., int]) -> Callable[..., int]:
    """Replace the dataclass parameters of a command by the options in their fields.

    Only fields annotated as options become options; other fields keep their default.

    Args:
        command: Command with parameters annotated by such dataclasses.

    Returns:
        Command with one parameter per option. It makes each dataclass from its options and passes
        it on. An exception of the dataclass, such as `typer.BadParameter`, ends the command before
        its first line.
    """
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, type] = {
        name: hint for name, hint in hints.items() if isinstance(hint, type) and is_dataclass(hint)
    }
    parameters: list[Parameter] = []
    for given in signature(command).parameters.values():
        members = _members(groups[given.name]) if given.name in groups else [given]
        parameters += [member.replace(kind=Parameter.KEYWORD_ONLY) for member in members]

    @wraps(command)
    def run(**values: Any) -> int:
        for name, group in groups.items():
            members = {member.name: values.pop(member.name) for member in _members(group)}
            values[name] = group(**members)
        return command(**values)

    run.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {member.name: member.annotation for member in parameters}
    return run


def changed_options(group: Any) -> list[str]:
    """Options of a group with values other than their defaults, as typed by the user."""
    defaults = {member.name: member for member in _members(type(group))}
    return [
        _written(member.annotation)
        for name, member in defaults.items()
        if getattr(group, name) != member.default
    ]


def _members(group: type) -> list[Parameter]:
    hints = get_type_hints(group, include_extras=True)
    options: list[Field[Any]] = [f for f in fields(group) if hasattr(hints[f.name], "__metadata__")]
    return [
        Parameter(f.name, Parameter.KEYWORD_ONLY, default=f.default, annotation=hints[f.name])
        for f in options
    ]


def _written(annotation: Any) -> str:
    (option,) = annotation.__metadata__
    # Typer stores the first name of an annotated option as its default.
    return str(option.default).partition("/")[0]
