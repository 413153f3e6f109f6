"""Signals of motion and sound without cuts, gaps and slow changes, ready to be correlated."""

import numpy as np
from numpy.typing import NDArray

from core.detection.signals.onsets import TICKS_PER_FRAME
from core.timing import VIDEO_FPS

CEILING = 3.0
"""Motion counts at most as this multiple of its median, so that cuts do not drown the rest."""

STILL = 0.7
"""Least median that the ceiling is taken of (square root of grey levels), for still pictures."""

TREND_S = 1.0
"""Changes slower than this say nothing about sync and are removed."""

TREND_FRAMES = round(TREND_S * VIDEO_FPS)
TREND_TICKS = TREND_FRAMES * TICKS_PER_FRAME

_EDGE_TICKS = 4
"""Ticks beside missing sound that are not used."""

_BOX = np.array([0.125, 0.25, 0.25, 0.25, 0.125], np.float32)
"""Mean over 40 ms, the distance of two frames, centred on a tick."""


def prepared_motion(motion: NDArray[np.float32], seen: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return (T, C) square roots of motion, limited and without trend, 0 where it is unknown.

    Args:
        motion: (T + 2 * TREND_FRAMES, C) grey levels, with what is before and behind.
        seen: Likewise without C, whether the motion is known.
    """
    roots = np.sqrt(motion)
    usual = np.median(roots[seen], axis=0) if seen.any() else STILL
    roots = np.minimum(roots, CEILING * np.maximum(usual, STILL))
    roots = _without_trend(roots, seen, TREND_FRAMES)
    inside = slice(TREND_FRAMES, len(roots) - TREND_FRAMES)
    return np.where(seen[inside, None], roots[inside], 0)


def prepared_audio(
    onsets: NDArray[np.float32], level: NDArray[np.float32], heard: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return (3, T) onsets, level and rise without trend, and (T,) where they may be used.

    Args:
        onsets: (T + 2 * TREND_TICKS,) every 10 ms, with what is before and behind.
        level: Likewise.
        heard: Likewise, whether there is sound.
    """
    heard = _erode(heard)
    level = np.convolve(level, _BOX, "same")
    rise = np.maximum(np.gradient(level), 0)
    smooth = (np.convolve(onsets, _BOX, "same"), level, np.convolve(rise, _BOX, "same"))
    sounds = _without_trend(np.stack(smooth, axis=1), heard, TREND_TICKS)
    inner = slice(TREND_TICKS, len(heard) - TREND_TICKS)
    return np.ascontiguousarray(sounds[inner].T), heard[inner]


def _erode(heard: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Drop the ticks next to missing sound, whose beginning and end look like events."""
    missing = np.convolve(~heard, np.ones(2 * _EDGE_TICKS + 1), "same")
    eroded: NDArray[np.bool_] = missing < 0.5
    return eroded


def _without_trend(
    signals: NDArray[np.float32], known: NDArray[np.bool_], length: int
) -> NDArray[np.float32]:
    """Subtract from each (T, C) value the mean of the known ones among the `length` around it."""
    sums = np.zeros((len(signals) + 1, signals.shape[1] + 1))
    sums[1:, :-1] = np.where(known[:, None], signals, 0)
    sums[1:, -1] = known
    np.cumsum(sums, axis=0, out=sums)
    index = np.arange(len(signals))
    low, high = np.maximum(index - length // 2, 0), index + length // 2 + 1
    around = sums[np.minimum(high, len(signals))] - sums[low]
    trend = around[:, :-1] / np.maximum(around[:, -1:], 1)
    return np.asarray(signals - trend, np.float32)
