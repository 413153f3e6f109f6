"""Measures what a detection says against the truth, on generated clips; writes docs/accuracy.md.

    python tests/benchmarks/detection.py CLIPS_FOLDER [--trained 2] [--held-out 5] [--long 1]

Clips are rendered into the folder as far as they are missing, and judged through files by `detect`,
as the application does: with their own sound at known offsets, with that of another clip, and with
their own backwards. The tables replace what stands between the marks in the page.
"""

import argparse
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np
import torch
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from chained_evidence import map_table
from numpy.typing import NDArray

from core.detection.config import HOP_STEP_S, DetectionConfig
from core.detection.detector import detect
from core.detection.engine import Engine
from core.detection.engines import EngineChoice, open_engine
from core.detection.estimate import judge_by
from core.detection.result import Detection, Verdict
from core.model.catalog import BUILTIN
from core.model.grid import OFFSET_GRID_S
from core.timing import AUDIO_RATE_HZ, Tolerance, tolerance_named
from training.benchmark_clips import read_sound
from training.data.synthetic.cache import render_split_files
from training.data.synthetic.recipe import recipe_of, split_scenes
from training.data.synthetic.render import render_once

SEED = 11
PAGE = Path(__file__).resolve().parents[2] / "docs" / "accuracy.md"
MARKS = ("<!-- tests/benchmarks/detection.py -->", "<!-- end -->")

FARTHEST_S = 1.9
NEAR_SYNC_S = 0.2
LONG_S = 60.0
LONG_FROM_INDEX = 3_000_000
UNTIL_S = 0.04
RIGHT_S = 0.1

DENSE = DetectionConfig(hop_s=HOP_STEP_S)
USUAL = DetectionConfig()
ANYTIME = DetectionConfig(until_s=UNTIL_S)
TOLERANCES = tuple(map(tolerance_named, ("bt1359", "bt1359-accept", "ebu-r37")))
OWN, FOREIGN, REVERSED = "own sound", "sound of another clip", "own sound backwards"


@dataclass(frozen=True, slots=True)
class Task:
    """One question.

    Attributes:
        group: Which clips it is about.
        path: The clip.
        sound: What it sounds like.
        other: The clip whose sound it gets, with FOREIGN.
        config: The options, with the simulated offset.
        way: How it is judged.
    """

    group: str
    path: Path
    sound: str
    config: DetectionConfig
    way: str
    other: Path | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was answered.

    Attributes:
        task: The question.
        argmax_s: Centre of the class with the largest sum of logits over all windows.
        fused_s: The answer.
        interval_s: Its interval.
        is_confident: Whether it may be relied on.
        verdicts: By tolerance, in the order of TOLERANCES.
        judged_s: Clip time within windows.
        elapsed_s: Time it took.
    """

    task: Task
    argmax_s: float
    fused_s: float
    interval_s: tuple[float, float]
    is_confident: bool
    verdicts: tuple[Verdict, ...]
    judged_s: float
    elapsed_s: float

    @property
    def truth_s(self) -> float:
        return self.task.config.simulate_offset_s

    @property
    def is_covered(self) -> bool:
        low, high = self.interval_s
        return low <= self.truth_s <= high


@cache
def engine() -> Engine:
    torch.set_num_threads(1)
    return open_engine(EngineChoice(BUILTIN))


def ask(task: Task) -> Outcome:
    if task.sound == OWN:
        return outcome_of(task, detect(task.path, engine(), task.config))
    with TemporaryDirectory(prefix="detection-") as folder:
        changed = Path(folder) / f"{task.path.stem}.mkv"
        waveform = read_sound(task.other or task.path).waveform
        write_with_sound(changed, task.path, waveform[::-1] if task.sound == REVERSED else waveform)
        return outcome_of(task, detect(changed, engine(), task.config))


def outcome_of(task: Task, found: Detection) -> Outcome:
    logits = sum(e.posterior.logits for e in found.evidence if e.posterior is not None)
    estimate = found.estimate
    return Outcome(
        task,
        argmax_s=float(OFFSET_GRID_S[int(np.argmax(logits))]),
        fused_s=estimate.offset_s,
        interval_s=estimate.interval_s,
        is_confident=estimate.is_confident,
        verdicts=tuple(judge_by(estimate, tolerance).verdict for tolerance in TOLERANCES),
        judged_s=found.coverage.judged_s,
        elapsed_s=found.elapsed_s,
    )


def write_with_sound(target: Path, picture: Path, waveform: NDArray[np.float32]) -> None:
    """Put the packets of a picture and a sound of 16 kHz into a new file, both from 0 on."""
    with av.open(str(picture)) as seen, av.open(str(target), "w") as made:
        source = seen.streams.video[0]
        copied = made.add_stream_from_template(source)
        heard = made.add_stream("pcm_s16le", rate=AUDIO_RATE_HZ, layout="mono")
        assert isinstance(heard, AudioStream)
        frame = AudioFrame.from_ndarray(
            (np.clip(waveform, -1, 1) * 32767).astype(np.int16)[None], "s16", "mono"
        )
        frame.rate = AUDIO_RATE_HZ
        for packet in (*heard.encode(frame), *heard.encode(None)):
            made.mux(packet)
        for packet in seen.demux(source):
            if packet.size:
                packet.stream = copied
                made.mux(packet)


def tasks_of(group: str, paths: Sequence[Path]) -> Iterator[Task]:
    """Give each clip an offset anywhere, one near sync, a foreign sound and its own backwards."""
    for number, path in enumerate(paths):
        rng = np.random.default_rng([SEED, zlib.crc32(path.name.encode())])
        other = paths[(number + len(paths) // 2) % len(paths)]
        for reach_s in (FARTHEST_S, NEAR_SYNC_S):
            offset_s = round(float(rng.uniform(-reach_s, reach_s)), 2)
            for way, config in (("every 0.32 s", DENSE), ("every 0.64 s", USUAL)):
                yield Task(group, path, OWN, replace(config, simulate_offset_s=offset_s), way)
        yield Task(group, path, FOREIGN, USUAL, "every 0.64 s", other)
        yield Task(group, path, REVERSED, USUAL, "every 0.64 s")


def long_tasks_of(group: str, paths: Sequence[Path]) -> Iterator[Task]:
    for path in paths:
        rng = np.random.default_rng([SEED, zlib.crc32(path.name.encode())])
        offset_s = round(float(rng.uniform(-FARTHEST_S, FARTHEST_S)), 2)
        for way, config in (("every 0.32 s", DENSE), ("anytime, until 40 ms", ANYTIME)):
            yield Task(group, path, OWN, replace(config, simulate_offset_s=offset_s), way)


def render_long(folder: Path, split: str, n_per_scene: int) -> list[Path]:
    paths = []
    for scene in split_scenes(split):
        for number in range(n_per_scene):
            path = folder / f"{split}-{scene.name.replace(' ', '-')}-minute-{number:03d}.mp4"
            recipe = recipe_of(scene, split, LONG_FROM_INDEX + number)
            render_once(replace(recipe, stage=replace(recipe.stage, duration_s=LONG_S)), path)
            paths.append(path)
    return paths


def milliseconds(values_s: Iterable[float]) -> str:
    errors = 1000 * np.abs(list(values_s))
    return f"{np.median(errors):.0f} / {np.quantile(errors, 0.9):.0f}"


def share(values: Iterable[bool]) -> str:
    found = list(values)
    return f"{np.mean(found):.2f}" if found else "–"


def precision_table(outcomes: Sequence[Outcome]) -> list[str]:
    lines = [
        "| clips | windows | plain argmax | fused | fused, if confident | confident | wrong |"
        " covered | covered if confident | of the clip judged |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    own = [o for o in outcomes if o.task.sound == OWN]
    for group, way in dict.fromkeys((o.task.group, o.task.way) for o in own):
        some = [o for o in own if (o.task.group, o.task.way) == (group, way)]
        sure = [o for o in some if o.is_confident]
        length_s = LONG_S if "60 s" in group else 10.0
        lines.append(
            f"| {group}, {len(some)} answers | {way}"
            f" | {milliseconds(o.argmax_s - o.truth_s for o in some)}"
            f" | {milliseconds(o.fused_s - o.truth_s for o in some)}"
            f" | {milliseconds(o.fused_s - o.truth_s for o in sure)}"
            f" | {share(o.is_confident for o in some)}"
            f" | {share(abs(o.fused_s - o.truth_s) > RIGHT_S for o in sure)}"
            f" | {share(o.is_covered for o in some)} | {share(o.is_covered for o in sure)}"
            f" | {np.mean([min(1.0, o.judged_s / length_s) for o in some]):.0%} |"
        )
    return lines


def verdict_table(outcomes: Sequence[Outcome]) -> list[str]:
    usual = [o for o in outcomes if o.task.way == "every 0.64 s"]
    lines = [
        "| tolerance | truth | answers | in sync | out of sync | cannot tell |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for number, tolerance in enumerate(TOLERANCES):
        for truth, some in by_truth(usual, tolerance):
            verdicts = [o.verdicts[number] for o in some]
            counts = (f"{verdicts.count(v) / len(verdicts):.3f}" for v in Verdict)
            lines.append(f"| {tolerance.title} | {truth} | {len(some)} | {' | '.join(counts)} |")
    return lines


def by_truth(
    outcomes: Sequence[Outcome], tolerance: Tolerance
) -> Iterator[tuple[str, list[Outcome]]]:
    own = [o for o in outcomes if o.task.sound == OWN]
    yield "in sync", [o for o in own if tolerance.accepts(o.truth_s)]
    yield "out of sync", [o for o in own if not tolerance.accepts(o.truth_s)]
    for sound in (FOREIGN, REVERSED):
        yield sound, [o for o in outcomes if o.task.sound == sound]


def write_page(text: str) -> None:
    begin, end = map(re.escape, MARKS)
    page = PAGE.read_text()
    inside = f"{MARKS[0]}\n\n{text}\n\n{MARKS[1]}"
    found, n_found = re.subn(f"{begin}.*?{end}", lambda _: inside, page, flags=re.DOTALL)
    if n_found != 1:
        raise ValueError(f"{PAGE.name} has {n_found} places for the tables, expected 1")
    PAGE.write_text(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where generated clips lie")
    parser.add_argument("--trained", type=int, default=2, help="clips of each trained type")
    parser.add_argument("--held-out", type=int, default=5, help="clips of each other type")
    parser.add_argument("--long", type=int, default=1, help="clips of 60 s of each type")
    options = parser.parse_args()
    tasks: list[Task] = []
    short: list[Path] = []
    for split, title, n_clips in (
        ("val", "trained types", options.trained),
        ("held-out", "other types", options.held_out),
    ):
        paths = [path for path, _ in render_split_files(options.folder, split, n_clips)]
        short += paths
        tasks += tasks_of(title, paths)
        tasks += long_tasks_of(f"{title}, 60 s", render_long(options.folder, split, options.long))
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        outcomes = list(pool.map(ask, tasks, chunksize=4))
    command = (
        f"`python tests/benchmarks/detection.py FOLDER --trained {options.trained}"
        f" --held-out {options.held_out} --long {options.long}`, seed {SEED}"
    )
    parts = (
        command,
        "\n".join(precision_table(outcomes)),
        "\n".join(verdict_table(outcomes)),
        "\n".join(map_table(short, engine(), SEED)),
    )
    write_page("\n\n".join(parts))


if __name__ == "__main__":
    main()
