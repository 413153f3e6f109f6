"""Measures where ffmpeg, mpv and GStreamer play the sound of corrected files, as a table.

    python -m tests.benchmarks.correction_players [--quick] [--only TEXT] [--work FOLDER] [-o FILE]

Clips of flashes and beeps are made in each container with each codec and corrected by the command
line with each delay. Three figures are measured with each player:

- error: distance of beep and flash in the new file, less that of the source, less the delay, in ms;
- after a seek: the same error in what is played after a seek to the last key
  picture of the first half;
- gap: time from the first picture to the first sound after that seek, less that of the source;
  sound before the picture is no gap.

The table has the figure of the delay where it is largest, the delay in brackets. A word in place of
a figure tells that the player plays nothing (`fails`), of the source already (`source fails`), or
that `correct` ended with a code other than 0. Run from the root of the checkout.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks.correct_command import correct
from tests.benchmarks.players import NotPlayed, Played, installed, played, seek_place
from tests.conftest import _write_clip

DELAYS_MS = (-1960, -440, -160, -37, 37, 160, 440, 1000, 1960)
LONG_DELAYS_MS = (-30_000, 30_000)
QUICK_DELAYS_MS = (-160, 160, 1000)
SHORT_S, LONG_S = 11.0, 75.0
FRAGMENTED = "-movflags +frag_keyframe+empty_moov"
CMAF = "-movflags +cmaf+frag_keyframe+empty_moov+default_base_moof+delay_moov"


class Kind(NamedTuple):
    """How a clip is made; codecs by the names of their encoders.

    Attributes:
        name: The container in the table.
        suffix: Suffix of the file.
        video: Video encoder.
        audio: Audio encoder.
        muxing: Options of ffmpeg's muxer, or the name of another program.
        is_long: The longest delays are measured as well.
        is_quick: Belongs to the quick run.
    """

    name: str
    suffix: str
    video: str
    audio: str
    muxing: str = ""
    is_long: bool = False
    is_quick: bool = False


KINDS = (
    Kind("MP4", ".mp4", "libx264", "aac", is_long=True, is_quick=True),
    Kind("MP4", ".mp4", "libx264", "ac3"),
    Kind("MP4", ".mp4", "libvpx-vp9", "libopus"),
    Kind("MP4, faststart", ".mp4", "libx264", "aac", "-movflags +faststart"),
    Kind("MP4, fragmented", ".mp4", "libx264", "aac", FRAGMENTED, True, True),
    Kind("MP4, fragmented", ".mp4", "libx264", "libmp3lame", FRAGMENTED),
    Kind("MP4, CMAF", ".mp4", "libx264", "aac", CMAF),
    Kind("MOV", ".mov", "libx264", "pcm_s16le", is_quick=True),
    Kind("MOV", ".mov", "libx264", "aac"),
    Kind("MKV by FFmpeg", ".mkv", "libx264", "aac", "", True, True),
    Kind("MKV by FFmpeg", ".mkv", "libx264", "flac"),
    Kind("MKV by FFmpeg", ".mkv", "libx264", "pcm_s16le"),
    Kind("MKV by mkvmerge", ".mkv", "libx264", "aac", "mkvmerge", is_quick=True),
    Kind("MKV by mkvmerge", ".mkv", "libx264", "libmp3lame", "mkvmerge"),
    Kind("WebM", ".webm", "libvpx", "libopus", "", True, True),
    Kind("WebM", ".webm", "libvpx", "vorbis"),
    Kind("TS", ".ts", "libx264", "aac", "", True, True),
    Kind("TS", ".ts", "mpeg2video", "mp2"),
    Kind("TS", ".ts", "libx264", "ac3"),
    Kind("M2TS", ".m2ts", "libx264", "ac3"),
    Kind("FLV", ".flv", "libx264", "aac", "", True, True),
    Kind("FLV", ".flv", "flv1", "libmp3lame"),
)

Figures = dict[tuple[str, str], tuple[float, int] | str]
"""Largest figure in ms with its delay, or a word for a failure; by figure and player."""


def make_clip(kind: Kind, duration_s: float, folder: Path) -> Path:
    """Encode a clip into Matroska or QuickTime and mux it as its kind says."""
    number = KINDS.index(kind)
    target = folder / f"clip-{number}-{duration_s:g}{kind.suffix}"
    if target.exists():
        return target
    encoded = folder / f"encoded-{number}{'.mov' if kind.suffix == '.mov' else '.mkv'}"
    _write_clip(
        encoded,
        duration_s=duration_s,
        size=(96, 80),
        video_codec=kind.video,
        audio_codec=kind.audio,
        rate_hz=44100 if kind.suffix == ".flv" else 48000,
        n_channels=1 + (kind.audio in {"ac3", "vorbis"}),
    )
    if kind.muxing == "mkvmerge":
        command = ["mkvmerge", "-q", "-o", str(target), str(encoded)]
    else:
        command = ["ffmpeg", "-v", "error", "-y", "-i", str(encoded), "-c", "copy"]
        command += [*kind.muxing.split(), str(target)]
    subprocess.run(command, check=True)
    encoded.unlink()
    return target


def play_all(path: Path, folder: Path) -> dict[tuple[str, bool], Played | None]:
    """From the start and after a seek, with each player; None where it plays nothing."""
    found: dict[tuple[str, bool], Played | None] = {}
    for player in installed():
        for seek_s in (None, seek_place(path)):
            try:
                found[player, seek_s is not None] = played(player, path, folder, seek_s)
            except NotPlayed as error:
                say(f"  {error}")
                found[player, seek_s is not None] = None
    return found


def figures_of(
    before: Played | None, after: Played | None, delay_ms: int, is_seek: bool
) -> Iterator[tuple[str, float | str]]:
    """Names and values of what one player shows of one file."""
    if before is None or after is None:
        word = "fails" if before else "source fails"
        yield from ((name, word) for name in (("after a seek", "gap") if is_seek else ("error",)))
        return
    expected_s = before.offset_s(0.0) + delay_ms / 1000
    name = "after a seek" if is_seek else "error"
    yield name, 1000 * (after.offset_s(expected_s) - expected_s)
    if is_seek:
        yield "gap", 1000 * (after.gap_s - before.gap_s)


def largest(
    known: tuple[float, int] | str | None, value: float | str, delay_ms: int
) -> tuple[float, int] | str:
    """The worse of what is known and of a new value; a word is worse than any number."""
    if isinstance(known, str):
        return known
    if isinstance(value, str):
        return f"{value} ({delay_ms:+d})"
    return (value, delay_ms) if known is None or abs(value) > abs(known[0]) else known


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def measure(kind: Kind, duration_s: float, delays_ms: tuple[int, ...], folder: Path) -> Figures:
    source = make_clip(kind, duration_s, folder)
    target = folder / f"corrected{kind.suffix}"
    before = play_all(source, folder)
    figures: Figures = {}
    for delay_ms in delays_ms:
        outcome = correct(source, target, delay_ms)
        if outcome.code != 0:
            say(f"  {delay_ms:+d} ms ends with {outcome.code}: {' '.join(outcome.lines)}")
            for player in installed():
                key = ("error", player)
                word = f"ends with {outcome.code}"
                figures[key] = largest(figures.get(key), word, delay_ms)
            continue
        after = play_all(target, folder)
        for (player, is_seek), one in before.items():
            measured = figures_of(one, after[player, is_seek], delay_ms, is_seek)
            for name, value in measured:
                key = (name, player)
                figures[key] = largest(figures.get(key), value, delay_ms)
        target.unlink()
    return figures


def table(rows: dict[tuple[str, str], Figures]) -> str:
    """Figures as Markdown, one line per container and codecs."""
    columns = [
        (name, player) for name in ("error", "after a seek", "gap") for player in installed()
    ]
    lines = [
        f"| container | codecs | {' | '.join(f'{name}, {player}' for name, player in columns)} |",
        "|---|---|" + "---:|" * len(columns),
    ]
    for (container, codecs), figures in rows.items():
        cells = []
        for column in columns:
            figure = figures.get(column, "")
            text = figure if isinstance(figure, str) else f"{figure[0]:.1f} ({figure[1]:+d})"
            cells.append(text)
        lines.append(f"| {container} | {codecs} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a few kinds and delays: 2 minutes")
    parser.add_argument("--only", default="", help="kinds with this text in 'CONTAINER CODECS'")
    parser.add_argument("--work", type=Path, help="folder for the clips; else a passing one")
    parser.add_argument("-o", "--output", type=Path, help="write the table to this file as well")
    options = parser.parse_args()
    folder = options.work or Path(tempfile.mkdtemp(prefix="correction-players-"))
    folder.mkdir(parents=True, exist_ok=True)
    rows: dict[tuple[str, str], Figures] = defaultdict(dict)
    for kind in KINDS:
        codecs = f"{kind.video}, {kind.audio}"
        is_asked = options.only.lower() in f"{kind.name} {codecs}".lower()
        if not is_asked or (options.quick and not kind.is_quick):
            continue
        say(f"{kind.name}, {codecs}")
        delays_ms = QUICK_DELAYS_MS if options.quick else DELAYS_MS
        rows[kind.name, codecs] = measure(kind, SHORT_S, delays_ms, folder)
        if kind.is_long and not options.quick:
            rows[f"{kind.name}, {LONG_S:g} s", codecs] = measure(
                kind, LONG_S, LONG_DELAYS_MS, folder
            )
    text = table(rows)
    say(text)
    if options.output:
        options.output.write_text(text + "\n")
    if not options.work:
        shutil.rmtree(folder)
    # The home that the fixtures made when they were imported.
    shutil.rmtree(os.environ["SYNCHFORMER_HOME"], ignore_errors=True)


if __name__ == "__main__":
    main()
