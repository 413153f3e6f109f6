"""In which pieces, and in which order, a clip is judged that need not be judged as a whole."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

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
"""Most that a stretch is long, but for the last one and for hops that are longer."""

LEAST_CHUNKS = 3
"""Beginning, end and middle are judged before a narrow interval ends the work: what drifts or
jumps looks constant in any one place."""

DOUBT_WEIGHT = 4
"""A gap between stretches that leave doubt counts as so many times its length."""

_LEAD_FRAMES = CROP_FIRST_FRAME + WINDOW_FRAMES


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a clip that is decoded and judged in one go.

    Attributes:
        first_frame: Analysis frame at which it begins.
        n_frames: Its length; None goes on to the end of the clip.
    """

    first_frame: int
    n_frames: int | None


def plan_chunks(whole: Chunk, n_expected: int, hop_segments: int) -> tuple[Chunk, ...]:
    """Cut a clip into stretches whose windows are those of one pass over the whole, each once.

    A stretch ends with a window, and the next one begins a hop after the start of that window. The
    last one takes what is left: half to one and a half times the usual length.

    Args:
        whole: What is to be judged.
        n_expected: About how many analysis frames that is.
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
    """Lay the stretches behind the first one on the grid of the windows that were found.

    Picture and sound begin to run together some frames into the first stretch, or into one behind
    it, and there the grid begins.

    Args:
        chunks: As planned.
        first_window_frame: Analysis frame at which the first window begins that was judged.
        hop_segments: As in the plan.
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
    """Return which stretch to judge next; None if all are.

    First comes the first one, then the last one. From then on it is the middle of the widest gap
    between judged ones. A gap counts `DOUBT_WEIGHT` times as wide if the answer at one of its ends
    is not confident or the intervals at its ends do not meet.

    Args:
        found: What the judged stretches say by themselves; None where there was nothing to judge.
        n_chunks: How many there are.
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
    """Tell whether more stretches are not needed.

    The estimate is confident and its interval reaches no farther than asked for, or than it
    ever can; the clip has been looked at in three places; and nothing lies
    unjudged between stretches that contradict each other.

    Args:
        estimate: Over all evidence so far.
        found: As in `next_chunk`.
        n_chunks: How many stretches there are.
        until_s: Margin that is narrow enough.
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
    """Tell whether two answers are both confident and have no offset in common."""
    if one is None or other is None or not (one.is_confident and other.is_confident):
        return False
    return one.interval_s[1] < other.interval_s[0] or other.interval_s[1] < one.interval_s[0]
