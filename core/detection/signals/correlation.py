"""Log-likelihood of offsets from correlations of motion with sound."""

import numpy as np
from numpy.typing import NDArray

from core.detection.signals.onsets import TICKS_PER_FRAME
from core.model.synchformer.dimensions import WINDOW_FRAMES

EFFECTIVE_SAMPLES = 140.0
"""A full window counts as this many values, where neither signal resembles itself later and both
vary all the time; chosen on generated clips for confidence that holds."""

MEMORY_SHARE = 0.5
"""How much of the signals' resemblance to themselves later is taken off that number."""

MEMORY_VALUES = 25
"""Resemblance is looked for up to a second later."""

MIN_OVERLAP = 0.25
"""Share of a window that needs sound at an offset for the offset to be judged."""

SPARSENESS = 16.0
"""Product of the kurtoses of motion and sound above which fewer values count: a few events that
happen to coincide correlate as strongly as many."""

_LEAST_POWER_SHARE = 0.05
"""Where sound meets less of a motion's power than this, it is taken to meet this much."""

_EPSILON = 1e-9


class LaggedAudio:
    """Sound signals laid against a window at every offset, ready to be correlated."""

    def __init__(
        self, sounds: NDArray[np.float32], heard: NDArray[np.bool_], n_values: int
    ) -> None:
        """Lay them out.

        Args:
            sounds: (S, (T - 1) * 4 + M) every 10 ms, from the tick that belongs to the largest
                offset.
            heard: Likewise without S, whether there is sound.
            n_values: T, the length of the window.
        """
        span = (n_values - 1) * TICKS_PER_FRAME + 1

        def at_offsets(signal: NDArray[np.float32]) -> NDArray[np.float32]:
            """Return (..., M, T), a row for each offset in rising order."""
            pieces = np.lib.stride_tricks.sliding_window_view(signal, span, axis=-1)
            return np.ascontiguousarray(pieces[..., ::-1, ::TICKS_PER_FRAME])

        self._n_values = n_values
        self._there = at_offsets(heard.astype(np.float32))  # (M, T)
        self._n = self._there.sum(axis=1)  # (M,)
        laid = at_offsets(np.where(heard, sounds, np.float32(0)))  # (S, M, T)
        means = laid.sum(axis=2) / np.maximum(self._n, 1)
        laid -= means[..., None] * self._there
        power = np.einsum("smt,smt->sm", laid, laid)
        laid /= np.sqrt(power + _EPSILON)[..., None]
        self._sounds = laid
        central = laid[:, laid.shape[1] // 2]
        self._memory = _memory(central)  # (S, K)
        self._kurtosis = (central**4).sum(axis=1) * n_values  # (S,)

    def log_likelihood(self, motions: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return (C, M): how well each motion explains each offset, 0 for nothing in common.

        Motion is taken as a linear function of the sound with Gaussian noise; with r the
        correlation and n the effective number of samples, the best such function gains
        -n/2 log(1 - r^2) over none. Sound that goes with less motion explains nothing, so negative
        r counts as 0. The sound signals say much the same, so their mean is taken, not their sum.

        Args:
            motions: (C, T) at 25 Hz.
        """
        motions = motions - motions.mean(axis=1, keepdims=True)
        motions /= np.sqrt(np.einsum("ct,ct->c", motions, motions) + _EPSILON)[:, None]
        n = np.maximum(self._n, 1)
        met = (motions**2) @ self._there.T - (motions @ self._there.T) ** 2 / n  # (C, M)
        r = np.matmul(motions, self._sounds.transpose(0, 2, 1))  # (S, C, M)
        r /= np.sqrt(np.maximum(met, _LEAST_POWER_SHARE))
        gain = -np.log1p(-(np.clip(r, 0, 0.999) ** 2)) * self._shares(motions)[..., None]
        gain = gain.mean(axis=0) * (0.5 * EFFECTIVE_SAMPLES / WINDOW_FRAMES * self._n)
        gain[:, self._n < MIN_OVERLAP * self._n_values] = 0
        return np.asarray(gain, np.float32)

    def _shares(self, motions: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return (S, C): the share of values that counts, less for memory (Bartlett, 1946)."""
        lags = np.arange(1, MEMORY_VALUES + 1)
        weights = 2 * MEMORY_SHARE * np.maximum(1 - lags / self._n_values, 0)
        memory = np.maximum(1 + (self._memory * weights) @ _memory(motions).T, 1)
        kurtosis = (motions**4).sum(axis=1) * self._n_values
        sparse = np.sqrt(np.maximum(np.outer(self._kurtosis, kurtosis) / SPARSENESS, 1))
        return np.asarray(1 / (memory * sparse), np.float32)


def _memory(signals: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (..., K) correlations of (..., T) signals of unit power with themselves later."""
    n_padded = 2 * signals.shape[-1]
    spectra = np.fft.rfft(signals, n_padded)
    later = np.fft.irfft(np.abs(spectra) ** 2, n_padded)[..., 1 : MEMORY_VALUES + 1]
    return np.asarray(later, np.float32)


def pooled(groups: list[tuple[float, NDArray[np.float32]]]) -> NDArray[np.float64]:
    """Return the (M,) log-likelihood of a mixture: one motion, nobody knows which, goes with sound.

    Args:
        groups: The prior probability of each group and its (C, M) log-likelihoods.
    """
    stacked = np.concatenate([likelihoods for _, likelihoods in groups]).astype(np.float64)
    priors = np.concatenate([np.full(len(each), prior / len(each)) for prior, each in groups])
    peak = stacked.max(axis=0)
    mixture: NDArray[np.float64] = peak + np.log(priors @ np.exp(stacked - peak))
    return mixture
