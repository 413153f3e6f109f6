"""Measures the built-in model on a clip: python tests/benchmarks/builtin_speed.py CLIP.

Decoding, the network and the classical engine are timed separately on the same frames and audio.
"""

import sys
import time
from pathlib import Path

import torch

from core.detection.config import DetectionConfig
from core.detection.engines.base import ClipContext, Engine
from core.detection.engines.classical import ClassicalEngine
from core.detection.engines.open import EngineChoice, open_engine
from core.progress import SILENT
from training.benchmark.clips import Recording, read_recording

RANGES_S = (2.0, 8.0)


def analyze(engine: Engine, recording: Recording, range_s: float) -> None:
    run = engine.start(DetectionConfig(range_s=range_s), SILENT, ClipContext(recording.n_frames))
    for chunk in recording.chunks:
        run.consume(chunk)
    run.finish()


def main() -> None:
    path = Path(sys.argv[1])
    wall, cpu = time.perf_counter(), time.process_time()
    recording = read_recording(path)
    duration_s = recording.duration_s
    rows = [("decoding", time.perf_counter() - wall, time.process_time() - cpu)]
    builtin = open_engine(EngineChoice("builtin"))
    analyze(builtin, recording, RANGES_S[0])  # The first run pays for memory and threads.
    for n_threads in (1, 2):
        torch.set_num_threads(n_threads)
        for range_s in RANGES_S:
            wall, cpu = time.perf_counter(), time.process_time()
            analyze(builtin, recording, range_s)
            name = f"network, ±{range_s:g} s, {n_threads} threads"
            rows.append((name, time.perf_counter() - wall, time.process_time() - cpu))
    wall, cpu = time.perf_counter(), time.process_time()
    analyze(ClassicalEngine(), recording, RANGES_S[0])
    rows.append(("classical", time.perf_counter() - wall, time.process_time() - cpu))
    print(f"{path.name}, {duration_s:.1f} s")  # noqa: T201
    for name, wall_s, cpu_s in rows:
        print(f"{name:32s} {wall_s:6.2f} s wall {cpu_s:6.2f} s CPU {duration_s / wall_s:6.1f} x")  # noqa: T201


if __name__ == "__main__":
    main()
