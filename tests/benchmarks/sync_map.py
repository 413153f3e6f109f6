"""Measures the detection of drifts and jumps in generated evidence; prints a Markdown table.

    python tests/benchmarks/sync_map.py [CLIPS_PER_ROW] [CONSTANT_CLIPS]

No model is involved. Each block of 4.8 s has a peak at the offset with an error, is flat, or has a
wrong peak; overlapping windows share blocks. The error in the table is that of the rate of a drift,
or of the time of a jump.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.detection.answer.map_search import find_sync_map
from core.detection.config import DetectionConfig
from core.detection.evidence import AXIS_STEP_S, OffsetEvidence, offset_axis
from core.detection.sync_map import MapKind, SyncMap
from core.detection.windows import plan_windows
from core.timing import VIDEO_FPS

SEED = 4
CLIP_S = 300.0
BLOCK_FRAMES = 120

Truth = Callable[[NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Noise:
    """Share of flat and wrong blocks, and standard deviation of the offset."""

    flat: float = 0.4
    wrong: float = 0.1
    peak_s: float = 0.04


@dataclass(frozen=True, slots=True)
class Row:
    """Clips of one kind."""

    name: str
    kind: MapKind
    truth: Callable[[np.random.Generator], tuple[Truth, float]]


def generated(
    rng: np.random.Generator, truth: Truth, noise: Noise, duration_s: float = CLIP_S
) -> list[OffsetEvidence]:
    """Evidence of windows every 0.32 s: the true offset with noise."""
    axis_s = offset_axis(2.0)
    n_blocks = int(duration_s * VIDEO_FPS) // BLOCK_FRAMES + 2
    state = rng.random(n_blocks)
    errors_s = rng.normal(0, noise.peak_s, n_blocks)
    wrong_s = rng.uniform(-1.9, 1.9, n_blocks)
    area = noise.peak_s * np.sqrt(2 * np.pi) / AXIS_STEP_S
    evidence = []
    for window in plan_windows(0, int(duration_s * VIDEO_FPS)):
        likelihood = np.zeros(len(axis_s))
        frames = window.first_frame + np.arange(0, BLOCK_FRAMES, 4)
        offsets_s = truth(frames / VIDEO_FPS)
        for block in np.unique(frames // BLOCK_FRAMES):
            own = frames // BLOCK_FRAMES == block
            if state[block] < noise.flat:
                likelihood += own.mean() / len(axis_s)
                continue
            is_wrong = state[block] < noise.flat + noise.wrong
            centres_s = (
                np.full(own.sum(), wrong_s[block]) if is_wrong else offsets_s[own] + errors_s[block]
            )
            values, counts = np.unique(np.round(centres_s, 3), return_counts=True)
            peaks = np.exp(-0.5 * ((axis_s - values[:, None]) / noise.peak_s) ** 2)
            likelihood += (counts[:, None] * peaks).sum(axis=0) / area / len(frames)
        log_likelihood = np.log(likelihood + 1e-4 / len(axis_s)).astype(np.float32)
        evidence.append(OffsetEvidence(window, axis_s, log_likelihood, 0.02))
    return evidence


def constant(rng: np.random.Generator) -> tuple[Truth, float]:
    offset_s = rng.uniform(-1, 1)
    return lambda t: np.full(len(t), offset_s), 0.0


def foreign(rng: np.random.Generator) -> tuple[Truth, float]:
    """Another offset in each block, as with foreign audio."""
    offsets_s = rng.uniform(-1.9, 1.9, int(CLIP_S))
    return lambda t: offsets_s[(t * VIDEO_FPS).astype(int) // BLOCK_FRAMES], 0.0


def drift(ppm: float) -> Callable[[np.random.Generator], tuple[Truth, float]]:
    def make(rng: np.random.Generator) -> tuple[Truth, float]:
        start_s = rng.uniform(-0.5, 0.5)
        return lambda t: start_s + 1e-6 * ppm * t, ppm

    return make


def jump(size_s: float) -> Callable[[np.random.Generator], tuple[Truth, float]]:
    def make(rng: np.random.Generator) -> tuple[Truth, float]:
        before_s, at_s = rng.uniform(-0.5, 0.5), rng.uniform(30, CLIP_S - 30)
        step_s = size_s * rng.choice([-1, 1])
        return lambda t: before_s + step_s * (t >= at_s), at_s

    return make


ROWS = (
    *(Row(f"drift of {ppm} ppm", MapKind.DRIFT, drift(ppm)) for ppm in (200, -200, 1000, -1000)),
    Row("drift of -41 667 ppm", MapKind.DRIFT, drift(-1e6 / 24)),
    *(Row(f"jump of {ms} ms", MapKind.JUMPS, jump(ms / 1000)) for ms in (80, 160, 400)),
)
NOISES = (Noise(0.3, 0.1, 0.03), Noise(0.4, 0.1, 0.04), Noise(0.5, 0.1, 0.05))


@dataclass(frozen=True, slots=True)
class Outcome:
    """Result of one clip; the error is in ppm, or in seconds for the time of a jump."""

    is_right: bool = False
    is_other: bool = False
    error: float = 0.0
    is_covered: bool = False


def outcome(row: Row, found: SyncMap | None, sought: float) -> Outcome:
    """Compare the kind, the number of pieces, and the rate or the time of the jump."""
    if found is None or found.kind is MapKind.CONSTANT:
        return Outcome()
    n_pieces = 2 if row.kind is MapKind.JUMPS else 1
    if found.kind is not row.kind or len(found.pieces) != n_pieces:
        return Outcome(is_other=True)
    if row.kind is MapKind.JUMPS:
        second = found.pieces[1]
        error = second.span.start_s - sought
        return Outcome(True, False, error, abs(error) <= second.start_margin_s)
    low, high = found.drift_interval_ppm
    return Outcome(True, False, found.drift_ppm - sought, low <= sought <= high)


def result_line(row: Row, noise_text: str, outcomes: list[Outcome]) -> str:
    unit = "s" if row.kind is MapKind.JUMPS else "ppm"
    right = np.mean([one.is_right for one in outcomes])
    other = np.mean([one.is_other for one in outcomes])
    line = f"| {row.name} | {noise_text} | {right:.2f} | {other:.2f} |"
    errors = np.abs([one.error for one in outcomes if one.is_right])
    if not len(errors):
        return f"{line} | | |"
    covered = np.mean([one.is_covered for one in outcomes if one.is_right])
    median, most = np.median(errors), np.quantile(errors, 0.9)
    return f"{line} {median:.3g} {unit} | {most:.3g} {unit} | {covered:.2f} |"


def main() -> None:
    n_clips = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    n_constant = int(sys.argv[2]) if len(sys.argv) > 2 else 300
    rng = np.random.default_rng(SEED)
    config = DetectionConfig()
    print(f"Seed {SEED}; clips of {CLIP_S:g} s; {n_clips} per row, {n_constant} constant.\n")  # noqa: T201
    print("| clips | flat, wrong, peak | right | other change | error | 90 % | covered |")  # noqa: T201
    print("|---|---|---|---|---|---|---|")  # noqa: T201
    for noise in NOISES:
        shown = f"{noise.flat:.0%}, {noise.wrong:.0%}, {1000 * noise.peak_s:.0f} ms"
        for name, make, n in (
            ("constant", constant, n_constant // len(NOISES)),
            ("foreign sound", foreign, n_clips),
        ):
            maps = [find_sync_map(generated(rng, make(rng)[0], noise), config) for _ in range(n)]
            n_false = sum(one is not None and one.kind is not MapKind.CONSTANT for one in maps)
            print(f"| {name} | {shown} | | {n_false} of {n} | | | |", flush=True)  # noqa: T201
        for row in ROWS:
            outcomes = []
            for _ in range(n_clips):
                truth, sought = row.truth(rng)
                found = find_sync_map(generated(rng, truth, noise), config)
                outcomes.append(outcome(row, found, sought))
            print(result_line(row, shown, outcomes), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
