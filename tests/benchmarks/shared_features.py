"""Compares shared segment features with windows analyzed one by one; prints a Markdown table.

    python tests/benchmarks/shared_features.py [SECONDS [SAMPLED_WINDOWS]]

A network of the published size with stand-in weights analyzes a clip at the densest hop. Windows by
themselves are sampled evenly, since all of them take half an hour; the total is estimated from
their mean time. The logits of the sampled windows are compared too.
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import safetensors.torch
import torch

from core.detection.config import HOP_STEP_S, DetectionConfig
from core.detection.engines.base import ClipContext
from core.detection.engines.synchformer.engine import SynchformerEngine
from core.detection.evidence import OffsetEvidence
from core.media.decoder import ClipChunk
from core.model.checkpoints.build import build_synchformer
from core.model.checkpoints.checkpoint import read_checkpoint
from core.model.device import PRECISIONS
from core.model.synchformer.dimensions import CROP_FIRST_FRAME, CROP_FRAMES
from core.progress import SILENT
from core.timing import SAMPLES_PER_FRAME, VIDEO_FPS
from tests.golden.stand_in import published_shapes, stand_in_weights

SEED = 5
CONFIG = DetectionConfig(hop_s=HOP_STEP_S, shift_step_s=0.0)
PRECISION = "bfloat16"


def open_network() -> SynchformerEngine:
    device, dtype = torch.device("cpu"), PRECISIONS[PRECISION]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        safetensors.torch.save_file(stand_in_weights(published_shapes("sync")), path)
        model = build_synchformer(read_checkpoint(path), device=device, dtype=dtype)
    return SynchformerEngine(model, "stand-in", "stand-in", device, dtype, batch_size=1)


def clip_of(duration_s: float) -> ClipChunk:
    rng = np.random.default_rng(SEED)
    n_frames = round(duration_s * VIDEO_FPS)
    frames = np.repeat(rng.integers(0, 256, (n_frames, 32, 32, 3), np.uint8), 8, axis=1)
    waveform = 0.1 * rng.standard_normal(n_frames * SAMPLES_PER_FRAME).astype(np.float32)
    is_present = np.ones(n_frames, np.bool_)
    return ClipChunk(0, np.repeat(frames, 8, axis=2), waveform, is_present, is_present)


def piece_of(clip: ClipChunk, first_frame: int, n_frames: int) -> ClipChunk:
    frames = slice(first_frame, first_frame + n_frames)
    samples = slice(frames.start * SAMPLES_PER_FRAME, frames.stop * SAMPLES_PER_FRAME)
    return ClipChunk(
        first_frame,
        clip.frames[frames],
        clip.waveform[samples],
        clip.has_video[frames],
        clip.has_audio[frames],
    )


def analyze(engine: SynchformerEngine, clip: ClipChunk) -> tuple[list[OffsetEvidence], float]:
    """Evidence and wall time in seconds."""
    begun_s = time.perf_counter()
    run = engine.start(CONFIG, SILENT, ClipContext(len(clip.frames)))
    evidence = [*run.consume(clip), *run.finish()]
    return evidence, time.perf_counter() - begun_s


def logits_of(item: OffsetEvidence) -> np.ndarray:
    assert item.posterior is not None
    return item.posterior.logits


def main() -> None:
    duration_s = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    n_sampled = int(sys.argv[2]) if len(sys.argv) > 2 else 10
    engine, clip = open_network(), clip_of(duration_s)
    analyze(engine, piece_of(clip, 0, CROP_FRAMES))
    engine.n_visual_encoded = engine.n_audio_encoded = 0
    shared, shared_s = analyze(engine, clip)
    n_visual, n_audio = engine.n_visual_encoded, engine.n_audio_encoded
    # The clip may end too early for a crop around the last window.
    chosen = np.unique(np.linspace(0, len(shared) - 2, n_sampled).round().astype(int))
    each_s, farthest = [], 0.0
    for index in chosen:
        first = shared[index].window.first_frame - CROP_FIRST_FRAME
        (alone,), took_s = analyze(engine, piece_of(clip, first, CROP_FRAMES))
        each_s.append(took_s)
        difference = np.abs(logits_of(alone) - logits_of(shared[index])).max()
        farthest = max(farthest, float(difference))
    total_s = float(np.mean(each_s)) * len(shared)
    n_threads = torch.get_num_threads()
    lines = (
        f"{duration_s:g} s, {len(shared)} windows, {PRECISION}, {n_threads} threads\n",
        "| | visual encodings | audio encodings | wall | ratio |",
        "|---|---:|---:|---:|---:|",
        f"| shared | {n_visual} | {n_audio} | {shared_s:.0f} s | 1 |",
        f"| one by one | {14 * len(shared)} | {14 * len(shared)} | {total_s:.0f} s |"
        f" {total_s / shared_s:.1f} |",
        f"\nLogits of {len(chosen)} windows differ by at most {farthest:.2g}.",
    )
    for line in lines:
        print(line)  # noqa: T201


if __name__ == "__main__":
    main()
