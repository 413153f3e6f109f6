"""Runs `synchformer-gui correct` of this checkout in a process of its own."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CORRECT = (sys.executable, "-m", "synchformer_gui", "correct")
LONGEST_S = 600


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run of a program ended.

    Attributes:
        code: Exit code; negative numbers are signals, None is for a run that took too long.
        output: Standard output and standard error together.
    """

    code: int | None
    output: str

    @property
    def lines(self) -> list[str]:
        """What was said, without the lines that only tell the progress."""
        stripped = (line.strip() for line in self.output.splitlines())
        return [line for line in stripped if line and not line.endswith("…")]

    @property
    def way(self) -> str:
        """How the file was written, as far as the output tells."""
        words = self.output.lower()
        if self.code != 0:
            return "none"
        if "bytes" in words and "differ" in words:
            return "patch"
        return "re-mux" if "because" in words else "not told"


def run(command: list[str], longest_s: float = LONGEST_S) -> Outcome:
    """Run a program with this checkout as its working folder."""
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=longest_s,
            check=False,
            encoding="utf-8",
            errors="replace",
            env={**os.environ, "COLUMNS": "1000"},
        )
    except subprocess.TimeoutExpired:
        return Outcome(None, f"took longer than {longest_s} s")
    return Outcome(done.returncode, done.stdout)


def correct(source: Path, target: Path, delay_ms: int, *options: str) -> Outcome:
    """Correct a file, whatever stands at the place of the new one."""
    delay = f"--delay={delay_ms}ms"
    command = [*CORRECT, str(source), delay, "-o", str(target), "--overwrite", *options]
    return run(command)
