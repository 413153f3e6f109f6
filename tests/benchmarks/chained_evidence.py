"""Drifts and jumps in the evidence of an engine for short clips, chained to long ones."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from core.detection.answer.confidence import ConfidenceRule
from core.detection.answer.map_search import find_sync_map
from core.detection.config import DetectionConfig
from core.detection.engines.base import Engine
from core.detection.evidence import OffsetEvidence, moved, offset_axis
from core.detection.sync_map import MapKind, SyncMap
from core.timing import VIDEO_FPS
from training.benchmark.clips import read_audio, read_recording
from training.benchmark.estimators import EngineEstimator, Findings

CHAIN_S = 300.0
CLIP_S = 10.0
N_CHAINS = 30
ANALYZED = DetectionConfig(range_s=2.4)
"""Wider than `SEARCHED`, since the evidence is moved along its axis."""

SEARCHED = DetectionConfig(range_s=2.0)


@dataclass(frozen=True, slots=True)
class Row:
    """Kind of chain: its offset at a given time, with the time of the change."""

    name: str
    kind: MapKind
    offset_at: Callable[[float, float], float]


ROWS = (
    Row("constant", MapKind.CONSTANT, lambda _, __: 0.0),
    *(
        Row(f"drift of {ppm} ppm", MapKind.DRIFT, lambda t, _, ppm=ppm: 1e-6 * ppm * (t - 150))
        for ppm in (-1000, 200, -200)
    ),
    *(
        Row(f"jump of {ms} ms", MapKind.JUMPS, lambda t, at, ms=ms: 1e-3 * ms * (t >= at))
        for ms in (400, 160, 80)
    ),
)


def map_table(paths: Sequence[Path], engine: Engine, seed: int) -> list[str]:
    """Markdown table of the sync maps found in chains of clips.

    Each clip has one constant offset, the one at its middle. Windows across joints are missing.
    """
    rng = np.random.default_rng(seed)
    estimator = EngineEstimator("", engine)
    own, foreign = [], []
    for number, path in enumerate(paths):
        recording = read_recording(path)
        estimate = estimator.begin(recording)
        other = read_audio(paths[(number + len(paths) // 2) % len(paths)])
        own += estimate(recording.audio, ANALYZED)
        foreign += estimate(other.of_length(recording.n_frames), ANALYZED)
    lines = [
        f"| chains of 5 minutes, {N_CHAINS} each | right | constant | other change |"
        " nothing claimed |",
        "|---|---:|---:|---:|---:|",
    ]
    for row in ROWS:
        lines.append(_line(row, [_searched(rng, row, own) for _ in range(N_CHAINS)]))
    nothing = Row("sound of other clips", MapKind.CONSTANT, lambda _, __: 0.0)
    lines.append(_line(nothing, [_searched(rng, nothing, foreign) for _ in range(N_CHAINS)]))
    return lines


def _searched(rng: np.random.Generator, row: Row, clips: Sequence[Findings]) -> SyncMap | None:
    n_clips = round(CHAIN_S / CLIP_S)
    change_s, constant_s = rng.uniform(30, CHAIN_S - 30), rng.uniform(-0.1, 0.1)
    evidence: list[OffsetEvidence] = []
    second: list[OffsetEvidence] = []
    rule: ConfidenceRule | None = None
    for place, index in enumerate(rng.integers(0, len(clips), n_clips)):
        found, begin_s = clips[index], place * CLIP_S
        offset_s = constant_s + row.offset_at(begin_s + CLIP_S / 2, change_s)
        evidence += [_placed(item, begin_s, offset_s) for item in found.evidence]
        second += [_placed(item, begin_s, offset_s) for item in found.second]
        rule = found.rule
    return find_sync_map(evidence, SEARCHED, rule=rule, second=second)


def _placed(item: OffsetEvidence, begin_s: float, offset_s: float) -> OffsetEvidence:
    window = replace(item.window, first_frame=item.window.first_frame + round(begin_s * VIDEO_FPS))
    likelihood = moved(item, -offset_s).log_likelihood
    axis_s = offset_axis(SEARCHED.range_s)
    n_beyond = (len(likelihood) - len(axis_s)) // 2
    return replace(
        item,
        window=window,
        axis_s=axis_s,
        log_likelihood=likelihood[n_beyond : n_beyond + len(axis_s)],
        posterior=None,
    )


def _line(row: Row, maps: Sequence[SyncMap | None]) -> str:
    n_nothing = sum(one is None for one in maps)
    n_constant = sum(one is not None and one.kind is MapKind.CONSTANT for one in maps)
    n_right = sum(one is not None and _is_right(row, one) for one in maps)
    n_other = len(maps) - n_nothing - n_constant
    if row.kind is not MapKind.CONSTANT:
        n_other -= n_right
    cells = " | ".join(str(n) for n in (n_right, n_constant, n_other, n_nothing))
    return f"| {row.name} | {cells} |"


def _is_right(row: Row, found: SyncMap) -> bool:
    n_pieces = 2 if row.kind is MapKind.JUMPS else 1
    return found.kind is row.kind and len(found.pieces) == n_pieces
