"""README and user guide name the options of the command line, all of them and no others."""

import re
from pathlib import Path

import pytest
from typer.main import get_command

from synchformer_gui.cli.main import _commands

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *(ROOT / "docs" / "guide").glob("*.md")]


@pytest.fixture(scope="module")
def options():
    waiting = [get_command(_commands())]
    found = set()
    while waiting:
        command = waiting.pop()
        waiting += getattr(command, "commands", {}).values()
        for parameter in command.params:
            found |= {*parameter.opts, *parameter.secondary_opts}
    return {name for name in found if name.startswith("--")}


@pytest.fixture(scope="module")
def named():
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text))


def test_named_options_exist(options, named):
    assert named - options - {"--help"} == set()


def test_options_are_named_with_their_opposites(options, named):
    opposites = {f"--no-{name.removeprefix('--')}" for name in named}
    positives = {f"--{name.removeprefix('--no-')}" for name in named if name.startswith("--no-")}

    assert options - named - opposites - positives == set()
