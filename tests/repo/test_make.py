"""What `make` offers, and how it comes by what pip cannot install."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "packaging" / "system_libraries.sh"

needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def _make(*words: str) -> list[str]:
    """Lines printed by `make`, also inside a test run started by it."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    done = subprocess.run(
        ["make", *words], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


def _planned(target: str) -> list[str]:
    """Return the commands of a target, without running them."""
    return _make("--dry-run", target)


@needs_make
def test_help_lists_every_target():
    (phony,) = [
        line.split()[1:]
        for line in (ROOT / "Makefile").read_text().splitlines()
        if line.startswith(".PHONY:")
    ]

    assert {line.split()[0] for line in _make()} == set(phony)


@needs_make
@pytest.mark.parametrize(
    ("target", "command"),
    [
        ("builtin", "builtin runs/builtin"),
        ("benchmark", "benchmark --cache runs/benchmark --markdown runs/benchmark.md"),
        ("samples", "samples runs/samples"),
    ],
)
def test_training_targets_set_up_what_they_need(target, command):
    planned = _planned(target)

    assert planned[-1] == f".venv/bin/python -m training {command}"
    assert "packaging/system_libraries.sh training" in planned


@needs_make
@pytest.mark.parametrize(
    "tool", ["ruff format --check", "ruff check", "mypy", "lint-imports", "pyright"]
)
def test_ci_runs_every_checker_and_the_tests(tool):
    assert (ROOT / ".ci" / "run").read_text().splitlines()[-1] == "exec make check test"
    assert any(line.startswith(f".venv/bin/{tool}") for line in _planned("check"))


@needs_make
def test_what_training_writes_is_neither_committed_nor_cleaned():
    ignored = subprocess.run(
        ["git", "check-ignore", "-q", "runs/builtin/latest.pt"], cwd=ROOT, check=False
    )

    assert ignored.returncode == 0
    assert not any("runs" in line for line in _planned("clean"))


@pytest.fixture
def system(tmp_path):
    """Return a function that runs the script on a Debian with given packages, as root or not."""

    def run(libraries, *, installed=(), is_root=True, installs=True):
        programs = {
            "id": f"echo {0 if is_root else 1000}",
            "dpkg-query": 'shift 3; for name in "$@"; do case " $INSTALLED " in '
            '*" $name "*) echo installed;; esac; done',
            "apt-get": f'echo "$@" >> {tmp_path}/calls; '
            + ("true" if installs else '[ "$1" = update ]'),
        }
        for name, body in programs.items():
            (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
            (tmp_path / name).chmod(0o755)
        environment = os.environ | {
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "INSTALLED": " ".join(installed),
        }
        done = subprocess.run(
            ["sh", SCRIPT, libraries], env=environment, capture_output=True, text=True, check=False
        )
        calls = tmp_path / "calls"
        return done, calls.read_text().splitlines() if calls.exists() else []

    return run


def _all_of(system, libraries):
    """Return the packages of a set."""
    done, _ = system(libraries, is_root=False)
    (command,) = [line for line in done.stderr.splitlines() if "apt-get" in line]
    return command.split("--no-install-recommends")[1].split()


def test_missing_packages_are_installed_by_root(system):
    done, calls = system("training")

    assert done.returncode == 0
    assert calls[-1].endswith("--no-install-recommends espeak-ng")


def test_missing_packages_are_named_to_others(system):
    done, calls = system("training", is_root=False)

    assert done.returncode == 1
    assert "sudo apt-get install --no-install-recommends espeak-ng\n" in done.stderr
    assert calls == []


def test_failure_to_install_what_is_needed_is_one(system):
    done, _ = system("training", installs=False)

    assert done.returncode != 0


@pytest.mark.parametrize("libraries", ["window", "tests", "training"])
@pytest.mark.parametrize("is_root", [True, False])
def test_nothing_is_done_where_nothing_is_missing(system, libraries, is_root):
    everything = _all_of(system, libraries)

    done, calls = system(libraries, installed=everything, is_root=is_root)

    assert (done.returncode, done.stdout, done.stderr, calls) == (0, "", "", [])


def test_packages_are_known_by_their_newer_names_too(system):
    newer = [f"{name}t64" for name in _all_of(system, "window")]

    done, _ = system("window", installed=newer, is_root=False)

    assert (done.returncode, done.stderr) == (0, "")


def test_speech_is_installed_for_the_tests(system):
    needed = [name for name in _all_of(system, "tests") if name != "espeak-ng"]

    done, calls = system("tests", installed=needed)

    assert done.returncode == 0
    assert calls[-1].endswith("--no-install-recommends espeak-ng")


@pytest.mark.parametrize("is_root", [True, False])
def test_tests_run_without_speech_where_it_cannot_be_installed(system, is_root):
    needed = [name for name in _all_of(system, "tests") if name != "espeak-ng"]

    done, _ = system("tests", installed=needed, is_root=is_root, installs=False)

    assert done.returncode == 0
    assert "espeak-ng" in done.stderr


def test_unknown_set_is_refused(system):
    done, _ = system("everything")

    assert done.returncode == 64
    assert "usage:" in done.stderr
