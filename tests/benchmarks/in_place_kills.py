"""Kills a correction in place at random moments and looks at the file that is left.

    python -m tests.benchmarks.in_place_kills [--kind ts] [--megabytes 100] [--kills 100]
        [--correct TEMPLATE] [--undo TEMPLATE] [--work FOLDER] [--seed 0]

A file with many packets of sound is made once. One run without a kill gives the patched file's
hash and the moments of the first and the last change of the file. Then, on a fresh copy each time,
the process group gets a SIGKILL: a fifth of them at any moment of a run, two fifths around the
measured time of writing, two fifths within the time of writing from the first change that is seen.
The hash tells whether the file is the source, the patched file, or half written. The undo command
follows in every case and must leave the source. Files that the command leaves beside the clip stay
there in between. Ends with 1 if a file was neither, or not restored.

In templates {python}, {file} and {delay} are filled in. A SIGKILL does not empty the page cache:
loss of power is another test. Run from the root of the checkout.
"""

import argparse
import hashlib
import os
import random
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.correct_command import ROOT, run

CORRECT = "{python} -m synchformer_gui correct --in-place --yes {file} --delay {delay}"
UNDO = "{python} -m synchformer_gui correct --undo {file}"
DELAY = "-160ms"
LONGEST_S = 300
POLL_S = 0.0002
MARGIN_S = 0.05


@dataclass(frozen=True, slots=True)
class Whole:
    """A run that nothing kills.

    Attributes:
        patched: Hash of the file afterwards.
        wall_s: Time of the run.
        first_s: First change of the file, from the start of the run.
        last_s: Last change of the file.
    """

    patched: str
    wall_s: float
    first_s: float
    last_s: float


@dataclass(frozen=True, slots=True)
class Kill:
    """When to kill: some time after the start, or after the first change of the file."""

    name: str
    after_s: float
    is_from_change: bool


def make_source(folder: Path, kind: str, n_megabytes: int) -> Path:
    """Repeat a clip of small pictures; each frame of sound gets a packet of its own."""
    target = folder / f"kills-{n_megabytes}.{kind}"
    if target.exists():
        return target
    piece = folder / "kills-piece.mkv"
    video = ["-f", "lavfi", "-i", "testsrc2=s=320x240:r=25,noise=alls=30:allf=t"]
    audio = ["-f", "lavfi", "-i", "anoisesrc=a=0.3:r=48000", "-t", "20"]
    coding = ["-c:v", "mpeg4", "-b:v", "1M", "-maxrate", "1M", "-bufsize", "1M", "-c:a", "mp2"]
    made = ["ffmpeg", "-v", "error", "-y"]
    subprocess.run([*made, *video, *audio, *coding, str(piece)], check=True)
    n_loops = n_megabytes * 1_000_000 // piece.stat().st_size
    again = ["-stream_loop", str(n_loops), "-i", str(piece), "-map", "0", "-c", "copy"]
    packets = ["-pes_payload_size", "0"] if kind == "ts" else []
    subprocess.run([*made, *again, *packets, str(target)], check=True)
    piece.unlink()
    return target


def hash_of(path: Path) -> str:
    if not path.exists():
        return "no file"
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def filled(template: str, file: Path) -> list[str]:
    """The words of a command."""
    values = {"python": sys.executable, "file": str(file), "delay": DELAY}
    return [word.format(**values) for word in shlex.split(template)]


def start(command: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def changed(path: Path) -> int:
    """Time stamp of a file, 0 while there is none at this name."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def run_whole(template: str, source: Path, folder: Path) -> Whole:
    """Run once without a kill and watch the file."""
    file = fresh_copy(source, folder)
    known = changed(file)
    moments: list[float] = []
    begin_s = time.perf_counter()
    process = start(filled(template, file))
    while process.poll() is None:
        now = changed(file)
        if now != known:
            known = now
            moments.append(time.perf_counter() - begin_s)
        if time.perf_counter() - begin_s > LONGEST_S:
            os.killpg(process.pid, signal.SIGKILL)
        time.sleep(POLL_S)
    wall_s = time.perf_counter() - begin_s
    if process.returncode != 0:
        outcome = run(filled(template, fresh_copy(source, folder)))
        sys.exit(f"The command ends with {outcome.code}:\n{outcome.output}")
    if not moments:
        sys.exit("The command left the file as it was; nothing can be tested.")
    return Whole(hash_of(file), wall_s, moments[0], moments[-1])


def fresh_copy(source: Path, folder: Path) -> Path:
    """Empty the folder and copy the source into it."""
    for path in folder.iterdir():
        path.unlink()
    target = folder / source.name
    subprocess.run(["cp", "--reflink=auto", str(source), str(target)], check=True)
    return target


def kill_at(number: int, whole: Whole, rng: random.Random) -> Kill:
    """The moment of one kill."""
    length_s = whole.last_s - whole.first_s
    if number % 5 == 0:
        return Kill("any moment", rng.uniform(0, whole.wall_s), False)
    if number % 5 < 3:
        begin_s, end_s = whole.first_s - MARGIN_S, whole.last_s + MARGIN_S
        return Kill("around the writing", max(0.0, rng.uniform(begin_s, end_s)), False)
    return Kill("from the first change", rng.uniform(0, 1.1 * length_s + 0.002), True)


def run_killed(command: list[str], file: Path, kill: Kill) -> bool:
    """Run a command and kill its process group; False where it ended before."""
    known = changed(file)
    begin_s = time.perf_counter()
    process = start(command)
    if kill.is_from_change:
        while changed(file) == known and process.poll() is None:
            time.sleep(POLL_S)
        begin_s = time.perf_counter()
    while (left_s := begin_s + kill.after_s - time.perf_counter()) > 0:
        if process.poll() is not None:
            return False
        time.sleep(min(left_s, 0.001))
    if process.poll() is not None:
        return False
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return True


def state_of(found: str, source: str, patched: str) -> str:
    """Which of the files a hash belongs to."""
    return {source: "source", patched: "patched"}.get(found, "half written")


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kind", default="ts", help="suffix of the file: ts, mkv, mp4, flv")
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--correct", default=CORRECT, help=f"default: {CORRECT}")
    parser.add_argument("--undo", default=UNDO, help=f"default: {UNDO}")
    parser.add_argument("--work", type=Path, default=Path("/tmp/in-place-kills"))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    source = make_source(options.work, options.kind, options.megabytes)
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=options.work))
    whole = run_whole(options.correct, source, folder)
    say(
        f"{source.name}, {source.stat().st_size:,} bytes: one run takes {whole.wall_s:.2f} s,"
        f" writes from {whole.first_s:.3f} to {whole.last_s:.3f} s"
    )
    rng = random.Random(options.seed)
    of_source = hash_of(source)
    counts: Counter[tuple[str, str, str, str]] = Counter()
    n_bad = 0
    for number in range(options.kills):
        file = fresh_copy(source, folder)
        kill = kill_at(number, whole, rng)
        is_killed = run_killed(filled(options.correct, file), file, kill)
        left = state_of(hash_of(file), of_source, whole.patched)
        undo = run(filled(options.undo, file))
        restored = state_of(hash_of(file), of_source, whole.patched)
        ending = "killed" if is_killed else "had ended"
        counts[kill.name, ending, left, restored] += 1
        if restored != "source":
            n_bad += 1
            say(
                f"kill {number}, {kill.name} + {kill.after_s:.4f} s, {ending}: {left}, then"
                f" {restored}; undo ended with {undo.code}: {undo.output.strip()}"
            )
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    say("| kill | run | file after it | after undo | number |\n|---|---|---|---|---:|")
    for names, count in sorted(counts.items()):
        say(f"| {' | '.join(names)} | {count} |")
    sys.exit(1 if n_bad else 0)


if __name__ == "__main__":
    main()
