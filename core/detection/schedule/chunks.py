"""Chunks of a clip and the order of their analysis, for detections with an early stop."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

from core.detection.answer.interval import are_disjoint
from core.detection.evidence import AXIS_STEP_S
from core.detection.result import OffsetEstimate
from core.model.synchformer.dimensions import (
    CROP_FIRST_FRAME,
    CROP_FRAMES,
    SEGMENT_HOP_FRAMES,
    WINDOW_FRAMES,
)
from core.timing import VIDEO_FPS

CHUNK_S = 20.0
"""Longest chunk in seconds, except for the last one and for longer hops."""

LEAST_CHUNKS = 3
"""Least number of chunks before an early stop: beginning, end and middle. An offset that drifts or
jumps looks constant in a single place."""

DOUBT_WEIGHT = 4
"""Weight of a gap between chunks with uncertain or contradicting estimates."""

_LEAD_FRAMES = CROP_FIRST_FRAME + WINDOW_FRAMES


@dataclass(frozen=True, slots=True)
class Chunk:
    """Part of a clip decoded and analyzed in one go.

    Attributes:
        first_frame: First analysis frame.
        n_frames: Length in analysis frames; None reaches to the end of the clip.
    """

    first_frame: int
    n_frames: int | None


def plan_chunks(whole: Chunk, n_expected: int, hop_segments: int) -> tuple[Chunk, ...]:
    """Cut a clip into chunks with the same windows as a single pass, each window once.

    A chunk ends with a window, and the next chunk begins a hop after the start of that window. The
    last chunk takes the rest: half to one and a half times the usual length.

    Args:
        whole: Part of the clip to analyze.
        n_expected: Length in analysis frames, approximate.
        hop_segments: Distance of neighbouring windows in segments of 0.32 s.
    """
    hop = hop_segments * SEGMENT_HOP_FRAMES
    n_windows = (round(CHUNK_S * VIDEO_FPS) - _LEAD_FRAMES) // hop + 1
    n_frames = max(CROP_FRAMES, _LEAD_FRAMES + (n_windows - 1) * hop)
    step = n_windows * hop
    last = max(0, round((n_expected - _LEAD_FRAMES) / step) - 1)
    chunks = [Chunk(whole.first_frame + step * index, n_frames) for index in range(last)]
    n_left = None if whole.n_frames is None else whole.n_frames - step * last
    return (*chunks, Chunk(whole.first_frame + step * last, n_left))


def aligned(
    chunks: tuple[Chunk, ...], first_window_frame: int, hop_segments: int
) -> tuple[Chunk, ...]:
    """Align the chunks after the first one with the grid of the analyzed windows.

    The grid begins with the first frame with both video and audio, which may lie some frames into
    the first chunk, or in a later one.

    Args:
        chunks: Result of `plan_chunks`.
        first_window_frame: First analysis frame of the first analyzed window.
        hop_segments: As in `plan_chunks`.
    """
    if len(chunks) == 1:
        return chunks
    first, *middle, last = chunks
    hop = hop_segments * SEGMENT_HOP_FRAMES
    back = (first.first_frame + CROP_FIRST_FRAME - first_window_frame) % hop
    moved = [replace(one, first_frame=one.first_frame - back) for one in middle]
    n_left = None if last.n_frames is None else last.n_frames + back
    return (first, *moved, Chunk(last.first_frame - back, n_left))


def next_chunk(found: Mapping[int, OffsetEstimate | None], n_chunks: int) -> int | None:
    """Index of the next chunk to analyze; None if all are analyzed.

    The first chunk comes first, then the last one, then always the middle of the widest gap between
    analyzed chunks. A gap counts `DOUBT_WEIGHT` times as wide if the estimate at one of its ends is
    not confident, or if the intervals at its ends do not overlap.

    Args:
        found: Estimates of the analyzed chunks; None for a chunk without evidence.
        n_chunks: Number of chunks.
    """
    for end in (0, n_chunks - 1):
        if end not in found:
            return end
    gaps = _open_gaps(found)
    if not gaps:
        return None

    def weight(gap: tuple[int, int]) -> int:
        one, other = found[gap[0]], found[gap[1]]
        is_sure = one is not None and other is not None and one.is_confident and other.is_confident
        leaves_doubt = not is_sure or _contradict(one, other)
        return (gap[1] - gap[0]) * (DOUBT_WEIGHT if leaves_doubt else 1)

    low, high = max(gaps, key=weight)
    return (low + high) // 2


def is_settled(
    estimate: OffsetEstimate,
    found: Mapping[int, OffsetEstimate | None],
    n_chunks: int,
    until_s: float,
) -> bool:
    """Whether the estimate is good enough for an early stop.

    This takes a confident estimate, an interval as narrow as asked for or possible, chunks from
    three places of the clip, and no gap between chunks that contradict each other.

    Args:
        estimate: Estimate over all evidence so far.
        found: As in `next_chunk`.
        n_chunks: Number of chunks.
        until_s: Half-width of an interval that is narrow enough.
    """
    low, high = estimate.interval_s
    margin_s = max(high - estimate.offset_s, estimate.offset_s - low)
    narrowest_s = estimate.least_margin_s + AXIS_STEP_S
    return (
        estimate.is_confident
        and margin_s <= max(until_s, narrowest_s) + 1e-6
        and len(found) >= min(LEAST_CHUNKS, n_chunks)
        and not any(_contradict(found[low], found[high]) for low, high in _open_gaps(found))
    )


def _open_gaps(found: Mapping[int, OffsetEstimate | None]) -> list[tuple[int, int]]:
    return [(low, high) for low, high in pairwise(sorted(found)) if high - low > 1]


def _contradict(one: OffsetEstimate | None, other: OffsetEstimate | None) -> bool:
    """Whether two confident estimates have no offset in common."""
    if one is None or other is None or not (one.is_confident and other.is_confident):
        return False
    return are_disjoint(one.interval_s, other.interval_s)
