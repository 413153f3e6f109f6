"""Compares detections with the true offsets of generated clips; writes docs/accuracy.md.

    python tests/benchmarks/detection.py CLIPS_FOLDER [--trained 1] [--calibrated 4] [--held-out 3]

Missing clips are rendered into the folder. `detect` analyzes the files like the application: with
their own audio at known offsets, with the audio of another clip, and with their own audio reversed.
The tables replace the text between the marks of the page.
"""

import argparse
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
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
from detection_tables import (
    DENSE_WAY,
    FOREIGN,
    OWN,
    REVERSED,
    TOLERANCES,
    USUAL_WAY,
    Outcome,
    Task,
    precision_table,
    verdict_table,
)
from numpy.typing import NDArray
from pages import write_tables

from core.detection.answer.verdict import clip_verdict
from core.detection.config import HOP_STEP_S, DetectionConfig
from core.detection.detect import detect
from core.detection.engines.base import Engine
from core.detection.engines.open import EngineChoice, open_engine
from core.detection.result import Detection
from core.model.store.catalog import BUILTIN
from core.model.synchformer.offset_classes import OFFSET_GRID_S
from core.timing import AUDIO_RATE_HZ
from training.benchmark.clips import read_audio
from training.builtin.command import BuiltinRecipe
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
LONG_EVERY = 3
"""Step of the scenes with a long clip."""

UNTIL_S = 0.04

DENSE = DetectionConfig(hop_s=HOP_STEP_S)
USUAL = DetectionConfig()
ANYTIME = DetectionConfig(until_s=UNTIL_S)


@cache
def engine() -> Engine:
    torch.set_num_threads(1)
    return open_engine(EngineChoice(BUILTIN))


def run(task: Task) -> Outcome:
    if task.audio == OWN:
        return outcome_of(task, detect(task.path, engine(), task.config))
    with TemporaryDirectory(prefix="detection-") as folder:
        changed = Path(folder) / f"{task.path.stem}.mkv"
        waveform = read_audio(task.other or task.path).waveform
        write_with_sound(changed, task.path, waveform[::-1] if task.audio == REVERSED else waveform)
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
        verdicts=tuple(clip_verdict(estimate, None, tolerance).verdict for tolerance in TOLERANCES),
        analyzed_s=found.coverage.analyzed_s,
        elapsed_s=found.elapsed_s,
    )


def write_with_sound(target: Path, video: Path, waveform: NDArray[np.float32]) -> None:
    """Write the video packets of a file and 16 kHz audio to a new file, both from 0 on."""
    with av.open(str(video)) as reader, av.open(str(target), "w") as writer:
        source = reader.streams.video[0]
        copied = writer.add_stream_from_template(source)
        audio = writer.add_stream("pcm_s16le", rate=AUDIO_RATE_HZ, layout="mono")
        assert isinstance(audio, AudioStream)
        frame = AudioFrame.from_ndarray(
            (np.clip(waveform, -1, 1) * 32767).astype(np.int16)[None], "s16", "mono"
        )
        frame.rate = AUDIO_RATE_HZ
        for packet in (*audio.encode(frame), *audio.encode(None)):
            writer.mux(packet)
        for packet in reader.demux(source):
            if packet.size:
                packet.stream = copied
                writer.mux(packet)


def tasks_of(group: str, paths: Sequence[Path]) -> Iterator[Task]:
    """Tasks of each clip: two offsets, one of them near sync, foreign audio and reversed audio."""
    for number, path in enumerate(paths):
        rng = np.random.default_rng([SEED, zlib.crc32(path.name.encode())])
        other = paths[(number + len(paths) // 2) % len(paths)]
        for reach_s in (FARTHEST_S, NEAR_SYNC_S):
            offset_s = round(float(rng.uniform(-reach_s, reach_s)), 2)
            for way, config in ((DENSE_WAY, DENSE), (USUAL_WAY, USUAL)):
                yield Task(group, path, OWN, replace(config, simulate_offset_s=offset_s), way)
        yield Task(group, path, FOREIGN, USUAL, USUAL_WAY, other)
        yield Task(group, path, REVERSED, USUAL, USUAL_WAY)


def long_tasks_of(group: str, paths: Sequence[Path]) -> Iterator[Task]:
    for path in paths:
        rng = np.random.default_rng([SEED, zlib.crc32(path.name.encode())])
        offset_s = round(float(rng.uniform(-FARTHEST_S, FARTHEST_S)), 2)
        for way, config in ((DENSE_WAY, DENSE), ("anytime, until 40 ms", ANYTIME)):
            own = replace(config, simulate_offset_s=offset_s)
            yield Task(group, path, OWN, own, way, is_long=True)


def render_long(folder: Path, split: str) -> list[Path]:
    paths = []
    for scene in split_scenes(split)[::LONG_EVERY]:
        path = folder / f"{split}-{scene.name.replace(' ', '-')}-minute.mp4"
        recipe = recipe_of(scene, split, LONG_FROM_INDEX)
        render_once(replace(recipe, stage=replace(recipe.stage, duration_s=LONG_S)), path)
        paths.append(path)
    return paths


def render_short(folder: Path, split: str, n_clips: int) -> list[Path]:
    """Render `n_clips` clips of each scene, after those of the model's calibration."""
    n_before = BuiltinRecipe().n_unfamiliar if split == "calibration-types" else 0
    rendered = render_split_files(folder, split, n_before + n_clips)
    return [path for n, (path, _) in enumerate(rendered) if n % (n_before + n_clips) >= n_before]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where generated clips lie")
    parser.add_argument("--trained", type=int, default=1, help="clips of each trained type")
    parser.add_argument("--calibrated", type=int, default=4, help="of each only calibrated on")
    parser.add_argument("--held-out", type=int, default=3, help="clips of each other type")
    options = parser.parse_args()
    tasks: list[Task] = []
    short: list[Path] = []
    for split, title, n_clips in (
        ("val", "trained types", options.trained),
        ("calibration-types", "types only calibrated on", options.calibrated),
        ("held-out", "types never seen", options.held_out),
    ):
        paths = render_short(options.folder, split, n_clips)
        short += paths
        tasks += tasks_of(title, paths)
        tasks += long_tasks_of(f"{title}, 60 s", render_long(options.folder, split))
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        outcomes = list(pool.map(run, tasks, chunksize=4))
    command = (
        f"`python tests/benchmarks/detection.py FOLDER --trained {options.trained} --calibrated"
        f" {options.calibrated} --held-out {options.held_out}`, seed {SEED}:"
    )
    parts = (
        command,
        "\n".join(precision_table(outcomes)),
        "\n".join(verdict_table(outcomes)),
        "\n".join(map_table(short, engine(), SEED)),
    )
    write_tables(PAGE, MARKS, "\n\n".join(parts))


if __name__ == "__main__":
    main()
