"""Measures the correction of a large file and writes the table of docs/performance.md.

    python tests/benchmarks/correction_speed.py FOLDER [--megabytes 1000] [--repeats 3]

Needs the ffmpeg program. A clip of noise is made in the folder, once per container, by repeating a
short one. A plain copy, ffmpeg's stream copy and `correct` then take turns, each in a process of
its own and each with its file flushed to the drive; the source stays in the system's memory, since
it is read before. The table replaces what stands between the marks in the page.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from subprocess import DEVNULL

from tests.benchmarks.pages import write_tables

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "performance.md"
MARKS = ("<!-- tests/benchmarks/correction_speed.py -->", "<!-- end -->")

DELAY_S = 0.16
PIECE_S = 20
PIECE_BIT_RATE = 40_000_000
COPY, FFMPEG = "plain copy", "`ffmpeg -c copy`"
KINDS = ("mp4", "mkv", "ts")

FLUSHED = "import os, sys; os.fsync(os.open(sys.argv[1], os.O_RDONLY))"


@dataclass(frozen=True, slots=True)
class Run:
    """One way once.

    Attributes:
        wall_s: Time it took.
        cpu_s: User and system time of the process.
        peak_mb: Most memory that it held, in 10⁶ bytes.
    """

    wall_s: float
    cpu_s: float
    peak_mb: float


def make_source(folder: Path, kind: str, n_megabytes: int) -> Path:
    """Repeat the packets of a short clip with H.264 and AAC until the file is large enough."""
    target = folder / f"large-{n_megabytes}.{kind}"
    if target.exists():
        return target
    piece = folder / "piece.mkv"
    made = ["ffmpeg", "-v", "error", "-y"]
    if not piece.exists():
        video = "testsrc2=s=1920x1080:r=25,noise=alls=40:allf=t"
        inputs = ["-f", "lavfi", "-i", video, "-f", "lavfi", "-i", "anoisesrc=a=0.3:r=48000"]
        rate = f"{PIECE_BIT_RATE}"
        coding = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-b:v", rate]
        limits = ["-maxrate", rate, "-bufsize", rate, "-pix_fmt", "yuv420p", "-c:a", "aac"]
        length = ["-t", str(PIECE_S)]
        subprocess.run([*made, *inputs, *length, *coding, *limits, str(piece)], check=True)
    n_loops = max(n_megabytes * 1_000_000 // piece.stat().st_size, 1)
    again = ["-stream_loop", str(n_loops), "-i", str(piece), "-c", "copy"]
    subprocess.run([*made, *again, "-fs", f"{n_megabytes}M", str(target)], check=True)
    return target


def ways(source: Path, target: Path) -> dict[str, list[list[str]]]:
    """Return the commands of each way by its name; all but ours flush the file afterwards."""
    flush = [sys.executable, "-c", FLUSHED, str(target)]
    moved = ["-itsoffset", str(DELAY_S), "-i", str(source), "-map", "0:v", "-map", "1:a"]
    ours = [sys.executable, "-m", "synchformer_gui", "correct", str(source), "-o", str(target)]
    shift, stretch = ["--delay", f"{DELAY_S}s"], ["--stretch", "1.001"]
    return {
        COPY: [["cp", str(source), str(target)], flush],
        FFMPEG: [
            ["ffmpeg", "-v", "error", "-i", str(source), *moved, "-c", "copy", str(target)],
            flush,
        ],
        "`correct --no-verify`": [[*ours, *shift, "--no-verify"]],
        "`correct`": [[*ours, *shift]],
        "`correct --stretch --no-verify`": [[*ours, *stretch, "--no-verify"]],
        "`correct --stretch`": [[*ours, *stretch]],
    }


def measured(commands: Sequence[Sequence[str]]) -> Run:
    """Run commands one after the other."""
    wall_s = cpu_s = peak_mb = 0.0
    for command in commands:
        begin_s = time.perf_counter()
        process = subprocess.Popen(command, cwd=ROOT, stdout=DEVNULL, stderr=DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        wall_s += time.perf_counter() - begin_s
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, command)
        cpu_s += usage.ru_utime + usage.ru_stime
        peak_mb = max(peak_mb, usage.ru_maxrss * 1024 / 1e6)
    return Run(wall_s, cpu_s, peak_mb)


def runs_of(source: Path, n_repeats: int) -> dict[str, list[Run]]:
    """Let the ways take turns."""
    target = source.with_name(f"out{source.suffix}")
    runs: dict[str, list[Run]] = {}
    # Not within this process: what it once held counts as memory of those that it starts.
    subprocess.run(["cat", str(source)], stdout=DEVNULL, check=True)
    for _ in range(n_repeats):
        for name, commands in ways(source, target).items():
            runs.setdefault(name, []).append(measured(commands))
            target.unlink()
            os.sync()
    return runs


def table(runs: dict[str, dict[str, list[Run]]]) -> str:
    """Return the medians as Markdown; ratios are those of the medians of one container."""
    lines = [
        "| file | way | wall, median (range) | of a plain copy | of `ffmpeg -c copy` | CPU |"
        " peak memory |",
        "|---|---|---|---:|---:|---:|---:|",
    ]
    for name, of_ways in runs.items():
        walls_s = {way: median(run.wall_s for run in some) for way, some in of_ways.items()}
        for way, some in of_ways.items():
            lengths = sorted(run.wall_s for run in some)
            lines.append(
                f"| {name} | {way} | {walls_s[way]:.2f} s ({lengths[0]:.2f}–{lengths[-1]:.2f})"
                f" | {walls_s[way] / walls_s[COPY]:.2f} | {walls_s[way] / walls_s[FFMPEG]:.2f}"
                f" | {median(run.cpu_s for run in some):.2f} s"
                f" | {max(run.peak_mb for run in some):.0f} MB |"
            )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the clips are made, 3 × the size free")
    parser.add_argument("--megabytes", type=int, default=1000, help="size of each clip")
    parser.add_argument("--repeats", type=int, default=3, help="how often each way is measured")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    runs = {}
    for kind in KINDS:
        source = make_source(options.folder, kind, options.megabytes)
        name = f"{kind.upper()}, {source.stat().st_size / 1e9:.2f} GB"
        runs[name] = runs_of(source, options.repeats)
    command = (
        f"`python tests/benchmarks/correction_speed.py FOLDER --megabytes {options.megabytes}"
        f" --repeats {options.repeats}`:"
    )
    write_tables(PAGE, MARKS, f"{command}\n\n{table(runs)}")


if __name__ == "__main__":
    main()
