from dataclasses import dataclass
from inspect import signature
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from synchformer_gui.cli.option_groups import changed_options, grouped


@dataclass(frozen=True)
class Light:
    colour: Annotated[str, typer.Option("--colour")] = "white"
    is_on: Annotated[bool, typer.Option("--on/--off")] = True
    watts: int = 40

    def __post_init__(self) -> None:
        if self.colour == "black":
            raise typer.BadParameter("is no light", param_hint="--colour")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["door"], "door Light(colour='white', is_on=True, watts=40) 1"),
        (["door", "--colour", "red", "--off"], "door Light(colour='red', is_on=False, watts=40) 1"),
        (["--number", "2", "door"], "door Light(colour='white', is_on=True, watts=40) 2"),
    ],
)
def test_the_options_of_a_group_become_one_value(words: list[str], said: str) -> None:
    assert CliRunner().invoke(_app(), words).output.strip() == said


def test_a_group_refuses_what_does_not_go_together() -> None:
    result = CliRunner().invoke(_app(), ["door", "--colour", "black"])
    assert result.exit_code == 2
    assert "is no light" in result.output


def test_only_fields_that_are_options_become_parameters() -> None:
    def command(*, light: Light) -> int:
        return light.watts

    assert list(signature(grouped(command)).parameters) == ["colour", "is_on"]


def test_changed_options_are_named_as_they_are_written() -> None:
    assert changed_options(Light()) == []
    assert changed_options(Light("red", is_on=False, watts=60)) == ["--colour", "--on"]


def _app() -> typer.Typer:
    def command(
        place: Annotated[str, typer.Argument()],
        *,
        light: Light,
        number: Annotated[int, typer.Option("--number")] = 1,
    ) -> int:
        typer.echo(f"{place} {light} {number}")
        return 0

    app = typer.Typer()
    app.command()(grouped(command))
    return app
