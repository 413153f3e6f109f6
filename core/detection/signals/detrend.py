"""Removal of cuts, gaps and slow changes from motion and audio signals."""

import numpy as np
from numpy.typing import NDArray

from core.detection.signals.onsets import TICKS_PER_FRAME
from core.timing import VIDEO_FPS

CEILING = 3.0
"""Upper limit of motion, as a multiple of its median, so that cuts do not drown the rest."""

STILL = 0.7
"""Minimum of that median, in square roots of grey levels, for still video."""

TREND_S = 1.0
"""Length of the moving average; slower changes carry no information about sync."""

TREND_FRAMES = round(TREND_S * VIDEO_FPS)
TREND_TICKS = TREND_FRAMES * TICKS_PER_FRAME

_EDGE_TICKS = 4
"""Unused ticks on either side of missing audio."""

_BOX = np.array([0.125, 0.25, 0.25, 0.25, 0.125], np.float32)
"""Kernel of a mean over 40 ms, the distance of two frames, centred on a tick."""


def detrended_motion(
    motion: NDArray[np.float32], is_valid: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Square roots of motion, limited and detrended.

    Args:
        motion: (T + 2 * TREND_FRAMES, C) grey levels, with a margin on both sides.
        is_valid: (T + 2 * TREND_FRAMES,) whether the motion is known.

    Returns:
        (T, C) values, 0 where the motion is unknown.
    """
    roots = np.sqrt(motion)
    median = np.median(roots[is_valid], axis=0) if is_valid.any() else STILL
    roots = np.minimum(roots, CEILING * np.maximum(median, STILL))
    roots = _without_trend(roots, is_valid, TREND_FRAMES)
    inside = slice(TREND_FRAMES, len(roots) - TREND_FRAMES)
    return np.where(is_valid[inside, None], roots[inside], 0)


def detrended_audio(
    onsets: NDArray[np.float32], level: NDArray[np.float32], has_audio: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Smoothed and detrended audio signals.

    Args:
        onsets: (T + 2 * TREND_TICKS,) every 10 ms, with a margin on both sides.
        level: (T + 2 * TREND_TICKS,) likewise.
        has_audio: (T + 2 * TREND_TICKS,) whether there is audio.

    Returns:
        (3, T) onsets, level and rise of the level, and (T,) bool, their usable ticks.
    """
    # Start and end of missing audio resemble events.
    missing = np.convolve(~has_audio, np.ones(2 * _EDGE_TICKS + 1), "same")
    has_audio = missing < 0.5
    level = np.convolve(level, _BOX, "same")
    rise = np.maximum(np.gradient(level), 0)
    smooth = (np.convolve(onsets, _BOX, "same"), level, np.convolve(rise, _BOX, "same"))
    signals = _without_trend(np.stack(smooth, axis=1), has_audio, TREND_TICKS)
    inner = slice(TREND_TICKS, len(has_audio) - TREND_TICKS)
    return np.ascontiguousarray(signals[inner].T), has_audio[inner]


def _without_trend(
    signals: NDArray[np.float32], is_valid: NDArray[np.bool_], length: int
) -> NDArray[np.float32]:
    """Subtract from (T, C) signals their moving average over the valid values."""
    sums = np.zeros((len(signals) + 1, signals.shape[1] + 1))
    sums[1:, :-1] = np.where(is_valid[:, None], signals, 0)
    sums[1:, -1] = is_valid
    np.cumsum(sums, axis=0, out=sums)
    index = np.arange(len(signals))
    low, high = np.maximum(index - length // 2, 0), index + length // 2 + 1
    around = sums[np.minimum(high, len(signals))] - sums[low]
    trend = around[:, :-1] / np.maximum(around[:, -1:], 1)
    return np.asarray(signals - trend, np.float32)
