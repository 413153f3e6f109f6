"""Measures what a correction of large files costs next to `cp` and `ffmpeg -c copy`, as tables.

    python -m tests.benchmarks.correction_cost [--work FOLDER] [--megabytes 1000] [--repeats 5]
        [--only mp4] [-o FILE]

A clip of noise is made in the folder, once per container, by repeating a short one; it stays there
for the next run. `cp`, ffmpeg's stream copy, and `correct` with and without verification take
turns. Times are user and system time of the process, and wall time; medians over the repeats.
`correct` counts without its start-up: the same command for a clip of two seconds of the same kind.
Results are compared with their source byte for byte and deleted. The page cache is left alone.
Run from the root of the checkout.
"""

import argparse
import subprocess
import sys
from pathlib import Path
from statistics import median

import numpy as np

from tests.benchmarks.correct_command import CORRECT
from tests.benchmarks.correction_speed import Run, make_source, measured

DELAY = "--delay=160ms"
COPY, FFMPEG = "`cp`", "`ffmpeg -c copy`"
WAYS = {"`correct --no-verify`": ["--no-verify"], "`correct`": []}
FRAGMENTED = "+frag_keyframe+empty_moov"
KINDS = {
    "mp4": ("mp4", []),
    "fragmented-mp4": ("mp4", ["-movflags", FRAGMENTED]),
    "mkv": ("mkv", []),
    "ts": ("ts", []),
}
LIMITS = {"`correct --no-verify`": 0.6, "`correct`": 1.2}
BLOCK = 1 << 22


def made(folder: Path, kind: str, n_megabytes: int) -> tuple[Path, Path]:
    """The large clip of a kind and one of two seconds."""
    suffix, options = KINDS[kind]
    large = folder / f"large-{n_megabytes}-{kind}.{suffix}"
    if not large.exists():
        if options:
            plain, _ = made(folder, suffix, n_megabytes)
            command = ["ffmpeg", "-v", "error", "-y", "-i", str(plain), "-map", "0", "-c", "copy"]
            subprocess.run([*command, *options, str(large)], check=True)
        else:
            make_source(folder, suffix, n_megabytes).rename(large)
    tiny = folder / f"tiny-{kind}.{suffix}"
    if not tiny.exists():
        command = ["ffmpeg", "-v", "error", "-y", "-t", "2", "-i", str(large), "-map", "0"]
        subprocess.run([*command, "-c", "copy", *options, str(tiny)], check=True)
    return large, tiny


def commands(source: Path, target: Path) -> dict[str, list[str]]:
    """The command of each way by its name."""
    ours = [*CORRECT, str(source), DELAY, "-o", str(target)]
    stream_copy = ["ffmpeg", "-v", "error", "-i", str(source), "-map", "0", "-c", "copy"]
    return {
        COPY: ["cp", str(source), str(target)],
        # The suffix does not tell that a file is fragmented.
        FFMPEG: [*stream_copy, *KINDS[kind_of(source)][1], str(target)],
        **{name: [*ours, *options] for name, options in WAYS.items()},
    }


def kind_of(source: Path) -> str:
    return next(kind for kind in KINDS if source.stem.endswith(f"-{kind}"))


def n_differing(source: Path, target: Path) -> int:
    """Bytes that are different at the same place, and those that one file has more."""
    found = abs(source.stat().st_size - target.stat().st_size)
    n_compared = min(source.stat().st_size, target.stat().st_size)
    for begin in range(0, n_compared, BLOCK):
        count = min(BLOCK, n_compared - begin)
        one, other = (np.fromfile(path, np.uint8, count, offset=begin) for path in (source, target))
        found += int(np.count_nonzero(one != other))
    return found


def measure(
    large: Path, tiny: Path, n_repeats: int
) -> tuple[dict[str, list[Run]], dict[str, list[Run]], int]:
    """Runs of the large and of the small clip by way, and the bytes that `correct` changed."""
    target = large.with_name(f"out{large.suffix}")
    runs: dict[str, list[Run]] = {}
    start_ups: dict[str, list[Run]] = {}
    n_changed = -1
    subprocess.run(["cat", str(large)], stdout=subprocess.DEVNULL, check=True)
    for _ in range(n_repeats):
        for source, kept in ((tiny, start_ups), (large, runs)):
            for name, command in commands(source, target).items():
                target.unlink(missing_ok=True)
                kept.setdefault(name, []).append(measured([command]))
                if name in WAYS and source is large and n_changed < 0:
                    n_changed = n_differing(large, target)
                target.unlink()
    return runs, start_ups, n_changed


def rows(
    name: str, n_changed: int, runs: dict[str, list[Run]], start_ups: dict[str, list[Run]]
) -> list[str]:
    """Lines of the table; a ratio above its limit is bold."""
    ffmpeg_s = median(run.cpu_s for run in runs[FFMPEG])
    lines = []
    for way, some in runs.items():
        is_ours = way in WAYS
        start_cpu_s = median(run.cpu_s for run in start_ups[way]) if is_ours else 0.0
        start_wall_s = median(run.wall_s for run in start_ups[way]) if is_ours else 0.0
        cpu_s = median(run.cpu_s for run in some) - start_cpu_s
        wall_s = median(run.wall_s for run in some) - start_wall_s
        walls_s = sorted(run.wall_s for run in some)
        ratio = f"{cpu_s / ffmpeg_s:.2f}"
        if cpu_s / ffmpeg_s > LIMITS.get(way, float("inf")):
            ratio = f"**{ratio}**"
        lines.append(
            f"| {name} | {way} | {cpu_s:.2f} s | {ratio} | {wall_s:.2f} s"
            f" | {walls_s[0]:.2f}–{walls_s[-1]:.2f} s | {start_cpu_s:.2f} s"
            f" | {n_changed if is_ours else ''} |"
        )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, default=Path("/tmp/correction-cost"))
    parser.add_argument("--megabytes", type=int, default=1000, help="size of each clip")
    parser.add_argument("--repeats", type=int, default=5, help="how often each way is measured")
    parser.add_argument("--only", default="", help=f"one of {', '.join(KINDS)}")
    parser.add_argument("-o", "--output", type=Path, help="write the table to this file as well")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    lines = [
        "| file | way | CPU without start-up | of `ffmpeg -c copy` | wall without start-up"
        " | wall, range | start-up, CPU | bytes that differ |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for kind in KINDS:
        if options.only not in ("", kind):
            continue
        sys.stderr.write(f"{kind} …\n")
        large, tiny = made(options.work, kind, options.megabytes)
        runs, start_ups, n_changed = measure(large, tiny, options.repeats)
        name = f"{kind}, {large.stat().st_size:,} bytes"
        lines += rows(name, n_changed, runs, start_ups)
    text = "\n".join(lines)
    sys.stdout.write(f"{text}\n\nBold: above the limit.\n")
    if options.output:
        options.output.write_text(text + "\n")


if __name__ == "__main__":
    main()
