"""Corrects odd clips by the command line and checks each copy with ffprobe, as a table.

    python -m tests.benchmarks.correct_odd_clips FOLDER [--only TEXT] [--files FILE ...] [-o FILE]

The clips of `make_odd_clips.py` are made in the folder, or those of `--files` are taken, and the
first sound is moved by 160 and by -90 ms. The new file has the name that `correct` chooses, so its
suffix may be another. The table has the exit code, the way (patch or re-mux, as far as the output
tells), the suffix where it changed, and what ffprobe finds: the common shift of all other streams,
the worst packet of the moved sound and of the others in ms from its place, packets and streams that
are missing or of other content, and the bytes that differ where both have the same length. The
last column is the first line of `correct`, hints and notes apart. Run from the root of the
checkout.
"""

import argparse
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np

from tests.benchmarks.correct_command import CORRECT, Outcome, run
from tests.benchmarks.make_odd_clips import make_all
from tests.benchmarks.packet_times import Comparison, compare

DELAYS_MS = (160, -90)
LONGEST_S = 120
ACCEPTED_MS = 1.1
"""A tick of the coarsest container and what ffprobe's six decimals add."""


def checked(source: Path, target: Path, delay_ms: int) -> Comparison | str:
    """The comparison, or why there is none."""
    try:
        return compare(source, target, delay_ms / 1000)
    except (ValueError, subprocess.TimeoutExpired) as error:
        return str(error)


def words(comparison: Comparison | str) -> str:
    """The comparison in the words of the table."""
    if isinstance(comparison, str):
        return comparison
    moved = comparison.moved_ms
    told = [f"common {1000 * comparison.common_s:+.1f}"] * (abs(comparison.common_s) > 1e-6)
    if moved is None:
        told.append("moved sound not found")
    elif moved > ACCEPTED_MS:
        told.append(f"**moved sound {moved:.1f} ms off**")
    if comparison.others_ms > ACCEPTED_MS:
        told.append(f"**others {comparison.others_ms:.1f} ms off**")
    return "; ".join([*told, *comparison.problems]) or "as it should be"


def is_right(comparison: Comparison | str) -> bool:
    return (
        isinstance(comparison, Comparison)
        and not comparison.problems
        and comparison.moved_ms is not None
        and max(comparison.moved_ms, comparison.others_ms) <= ACCEPTED_MS
    )


def n_differing(source: Path, target: Path) -> str:
    """Bytes that differ, or how much longer the new file is."""
    one, other = (np.fromfile(path, np.uint8) for path in (source, target))
    if one.size != other.size:
        return f"length {other.size - one.size:+d}"
    return f"{np.count_nonzero(one != other)}"


def corrected(source: Path, delay_ms: int, folder: Path) -> tuple[Outcome, Path | None]:
    """Run `correct` on a link to the source in an empty folder; the outcome and the new file."""
    link = folder / source.name
    link.symlink_to(source.resolve())
    outcome = run([*CORRECT, str(link), f"--delay={delay_ms}ms"], LONGEST_S)
    written = [path for path in folder.iterdir() if path != link and path.suffix != ".json"]
    return outcome, written[0] if written else None


def row(source: Path, delay_ms: int, counts: Counter[str]) -> str:
    """One line of the table; its result is counted."""
    with tempfile.TemporaryDirectory(prefix="odd-") as name:
        outcome, target = corrected(source, delay_ms, Path(name))
        suffix = found = differing = ""
        if target is not None:
            suffix = target.suffix if target.suffix != source.suffix else ""
            comparison = checked(source, target, delay_ms)
            found = words(comparison)
            differing = n_differing(source, target)
            counts["right" if is_right(comparison) else "not as it should be"] += 1
        else:
            counts["nothing written"] += 1
    counts[f"exit {outcome.code}"] += 1
    said = [line for line in outcome.lines if not line.startswith(("Hint:", "Note:"))]
    first = (said or outcome.lines or [""])[0].replace("|", "/").replace(name, "")
    cells = [source.name, f"{delay_ms:+d}", outcome.code, outcome.way, suffix, found, differing]
    return f"| {' | '.join(str(cell) for cell in (*cells, first[:160]))} |"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="where the clips are made and kept")
    parser.add_argument("--only", default="", help="files with this text in their names")
    parser.add_argument("--files", type=Path, nargs="+", help="these in place of the generated")
    parser.add_argument("-o", "--output", type=Path, help="write the table to this file as well")
    options = parser.parse_args()
    sources = options.files or make_all(options.folder, options.only)
    lines = [
        "| file | delay, ms | exit | way | new suffix | ffprobe | bytes that differ | first line |",
        "|---|---:|---:|---|---|---|---:|---|",
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    counts: Counter[str] = Counter()
    for source in sources:
        for delay_ms in DELAYS_MS:
            lines.append(row(source, delay_ms, counts))
            sys.stdout.write(f"{lines[-1]}\n")
            sys.stdout.flush()
    summary = ", ".join(f"{name}: {count}" for name, count in sorted(counts.items()))
    sys.stdout.write(f"\n{len(sources)} files × {len(DELAYS_MS)} delays. {summary}.\n")
    if options.output:
        options.output.write_text("\n".join(lines) + f"\n\n{summary}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
