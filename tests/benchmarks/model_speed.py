"""Measure the networks on this machine: python tests/benchmarks/model_speed.py --help.

Each row runs in a process of its own, to measure its peak of memory. Weights are stand-ins, read
and built as in a detection.
"""

import argparse
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from pathlib import Path

import safetensors.torch
import torch

from core.model.checkpoints.build import build_synchformer
from core.model.checkpoints.checkpoint import read_checkpoint
from core.model.device import PRECISIONS, choose_device
from tests.golden.stand_in import published_shapes, stand_in_weights


def write_stand_ins(path: Path) -> None:
    safetensors.torch.save_file(stand_in_weights(published_shapes("sync")), path)


def timed(work: Callable[[], torch.Tensor], n_repeats: int) -> tuple[float, float]:
    """Mean wall and CPU seconds of a run, after a warm-up run."""
    work()
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(n_repeats):
        work().sum().item()  # waits for a GPU
    return (
        (time.perf_counter() - wall) / n_repeats,
        (time.process_time() - cpu) / n_repeats,
    )


def peak_mib() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


@torch.inference_mode()
def measure(
    checkpoint: Path, device_name: str, precision: str, n_threads: int, options: argparse.Namespace
) -> str:
    """Row of the table."""
    torch.set_num_threads(n_threads)
    device = choose_device(device_name)
    before = peak_mib()
    model = build_synchformer(
        read_checkpoint(checkpoint),
        device=device,
        dtype=PRECISIONS[precision],
        compile_blocks=options.compile,
    )
    n = options.segments
    video = torch.rand(1, n, 16, 224, 224, 3, device=device).movedim(-1, -3) * 2 - 1
    mel = torch.randn(1, 14, 1, 128, 66, device=device)
    visual = torch.randn(1, 14, 8, 768, device=device)
    audio = torch.randn(1, 14, 6, 768, device=device)
    times = (
        *(seconds / n for seconds in timed(lambda: model.encode_video(video), options.repeats)),
        *timed(lambda: model.encode_audio(mel), options.repeats),
        *timed(lambda: model.fuse(visual, audio), 5 * options.repeats),
    )
    cells = "".join(f"{seconds:9.3f}" for seconds in times)
    return f"{precision:9}{n_threads:8}{cells}{peak_mib():9.0f}{peak_mib() - before:9.0f}\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, help="weights (default: stand-ins)")
    parser.add_argument("--device", default="cpu", help="auto, cpu, cuda, cuda:N or mps")
    parser.add_argument("--precision", nargs="+", default=["float32", "bfloat16"])
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--segments", type=int, default=1, help="visual segments per call")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--compile", action="store_true", help="compile the visual blocks")
    options = parser.parse_args()

    show = sys.stdout.write
    show("Seconds of wall and CPU time; MiB of memory: peak of the process, and growth in it.\n")
    show(f"{'':17}{'visual segment':>18}{'14 audio segments':>18}{'fusion':>18}{'memory':>18}\n")
    show(f"{'precision':9}{'threads':>8}{'wall':>9}{'CPU':>9}{'wall':>9}{'CPU':>9}")
    show(f"{'wall':>9}{'CPU':>9}{'peak':>9}{'growth':>9}\n")
    spawn = multiprocessing.get_context("spawn")
    with (
        tempfile.TemporaryDirectory() as folder,
        ProcessPoolExecutor(1, mp_context=spawn, max_tasks_per_child=1) as pool,
    ):
        checkpoint = options.checkpoint or Path(folder) / "model.safetensors"
        if options.checkpoint is None:
            # Not in this process, whose peak of memory the others inherit.
            pool.submit(write_stand_ins, checkpoint).result()
        for precision, n_threads in product(options.precision, options.threads):
            row = pool.submit(measure, checkpoint, options.device, precision, n_threads, options)
            show(row.result())
            sys.stdout.flush()


if __name__ == "__main__":
    main()
