"""Log-likelihood of offsets by cross-correlation of motion and audio signals.

`AudioSignals` buffers the audio of a clip, `LaggedAudio` aligns it with a window at every offset.
"""

import numpy as np
from numpy.typing import NDArray

from core.detection.evidence import AXIS_STEP_S
from core.detection.signals.detrend import TREND_TICKS, detrended_audio
from core.detection.signals.onsets import TICKS_PER_FRAME, AudioMeter
from core.detection.signals.ring_buffer import Series
from core.media.decoder import ClipChunk
from core.model.synchformer.dimensions import WINDOW_FRAMES

EFFECTIVE_SAMPLES = 140.0
"""Independent values of a full window, for signals without autocorrelation and without rare peaks;
chosen on generated clips for a well-calibrated confidence."""

AUTOCORRELATION_SHARE = 0.5
"""Share of the autocorrelation subtracted from that number."""

AUTOCORRELATION_LAGS = 25
"""Largest lag of the autocorrelation: one second."""

MIN_OVERLAP = 0.25
"""Minimum share of a window with audio at an offset; the evidence is neutral below it."""

SPARSENESS = 16.0
"""Product of the kurtoses of motion and audio above which fewer values count: a few events that
coincide by chance correlate as strongly as many."""

_LEAST_POWER_SHARE = 0.05
"""Lower limit of the share of a motion's power that coincides with audio."""

_EPSILON = 1e-9


class LaggedAudio:
    """Audio signals aligned with a window at each of M offsets."""

    def __init__(
        self, signals: NDArray[np.float32], has_audio: NDArray[np.bool_], n_values: int
    ) -> None:
        """Align and normalize the signals.

        Args:
            signals: (S, (T - 1) * 4 + M) values every 10 ms, from the tick of the largest offset.
            has_audio: ((T - 1) * 4 + M,) usable ticks.
            n_values: T, the length of the window.
        """
        span = (n_values - 1) * TICKS_PER_FRAME + 1

        def at_offsets(signal: NDArray[np.float32]) -> NDArray[np.float32]:
            """Aligned values (..., M, T), offsets in ascending order."""
            pieces = np.lib.stride_tricks.sliding_window_view(signal, span, axis=-1)
            return np.ascontiguousarray(pieces[..., ::-1, ::TICKS_PER_FRAME])

        self._n_values = n_values
        self._has_audio = at_offsets(has_audio.astype(np.float32))  # (M, T)
        self._n = self._has_audio.sum(axis=1)  # (M,)
        aligned = at_offsets(np.where(has_audio, signals, np.float32(0)))  # (S, M, T)
        means = aligned.sum(axis=2) / np.maximum(self._n, 1)
        aligned -= means[..., None] * self._has_audio
        power = np.einsum("smt,smt->sm", aligned, aligned)
        aligned /= np.sqrt(power + _EPSILON)[..., None]
        self._signals = aligned
        central = aligned[:, aligned.shape[1] // 2]
        self._autocorrelation = _autocorrelation(central)  # (S, K)
        self._kurtosis = (central**4).sum(axis=1) * n_values  # (S,)

    def log_likelihood(self, motions: NDArray[np.float32]) -> NDArray[np.float32]:
        """Log-likelihood of each offset by each motion signal, relative to unrelated signals.

        Model: motion is a linear function of an audio signal with Gaussian noise. With correlation
        r and effective number of samples n, the best fit gains -n/2 log(1 - r^2) over none. Louder
        audio with less motion is no explanation, so negative r counts as 0. The audio signals are
        strongly dependent, so the gain is their mean and not their sum.

        Args:
            motions: (C, T) at 25 Hz.

        Returns:
            (C, M) log-likelihoods of at least 0.
        """
        motions = motions - motions.mean(axis=1, keepdims=True)
        motions /= np.sqrt(np.einsum("ct,ct->c", motions, motions) + _EPSILON)[:, None]
        n = np.maximum(self._n, 1)
        power = (motions**2) @ self._has_audio.T - (motions @ self._has_audio.T) ** 2 / n  # (C, M)
        r = np.matmul(motions, self._signals.transpose(0, 2, 1))  # (S, C, M)
        r /= np.sqrt(np.maximum(power, _LEAST_POWER_SHARE))
        gain = -np.log1p(-(np.clip(r, 0, 0.999) ** 2)) * self._effective_shares(motions)[..., None]
        gain = gain.mean(axis=0) * (0.5 * EFFECTIVE_SAMPLES / WINDOW_FRAMES * self._n)
        gain[:, self._n < MIN_OVERLAP * self._n_values] = 0
        return np.asarray(gain, np.float32)

    def _effective_shares(self, motions: NDArray[np.float32]) -> NDArray[np.float32]:
        """Share, (S, C), of independent values, reduced by autocorrelation (Bartlett, 1946)."""
        lags = np.arange(1, AUTOCORRELATION_LAGS + 1)
        weights = 2 * AUTOCORRELATION_SHARE * np.maximum(1 - lags / self._n_values, 0)
        inflation = 1 + (self._autocorrelation * weights) @ _autocorrelation(motions).T
        kurtosis = (motions**4).sum(axis=1) * self._n_values
        sparse = np.sqrt(np.maximum(np.outer(self._kurtosis, kurtosis) / SPARSENESS, 1))
        return np.asarray(1 / (np.maximum(inflation, 1) * sparse), np.float32)


def _autocorrelation(signals: NDArray[np.float32]) -> NDArray[np.float32]:
    """Autocorrelation (..., K) at the lags 1 to K of (..., T) signals of unit power."""
    n_padded = 2 * signals.shape[-1]
    spectra = np.fft.rfft(signals, n_padded)
    lagged = np.fft.irfft(np.abs(spectra) ** 2, n_padded)[..., 1 : AUTOCORRELATION_LAGS + 1]
    return np.asarray(lagged, np.float32)


class AudioSignals:
    """Onsets and level of the audio as a clip streams by.

    Attributes:
        reach_ticks: Largest offset, in ticks of 10 ms.
    """

    def __init__(self, range_s: float) -> None:
        """Prepare for offsets up to `range_s` seconds either way."""
        self.reach_ticks = round(range_s / AXIS_STEP_S)
        self._meter = AudioMeter()
        self._onsets, self._level, self._has_audio = Series(), Series(), Series()
        self._series = (self._onsets, self._level, self._has_audio)

    def begin(self, first_frame: int) -> None:
        """Set the analysis frame of the first chunk."""
        for series in self._series:
            series.end = first_frame * TICKS_PER_FRAME

    def append(self, chunk: ClipChunk) -> None:
        """Measure the audio of the next chunk."""
        self._has_audio.append(np.repeat(chunk.has_audio, TICKS_PER_FRAME).astype(np.float32))
        onsets, level = self._meter.measure(chunk.waveform)
        self._onsets.append(onsets)
        self._level.append(level)

    def finish(self) -> None:
        """Append the last ticks, as if silence followed."""
        onsets, level = self._meter.flush()
        self._onsets.append(onsets)
        self._level.append(level)

    def keep(self, *spans: tuple[int, int]) -> None:
        """Drop everything outside of some spans of analysis frames."""
        ticks = [(begin * TICKS_PER_FRAME, end * TICKS_PER_FRAME) for begin, end in spans]
        for series in self._series:
            series.keep(*ticks)

    def lagged(self, first_frame: int, n_frames: int, lead_ticks: int) -> LaggedAudio:
        """Audio at every offset against `n_frames` values of motion.

        Args:
            first_frame: Analysis frame of the first value.
            n_frames: Number of values.
            lead_ticks: Time of a value before its frame.
        """
        begin = first_frame * TICKS_PER_FRAME - lead_ticks - self.reach_ticks
        n_ticks = (n_frames - 1) * TICKS_PER_FRAME + 1 + 2 * self.reach_ticks
        span = (begin - TREND_TICKS, begin + n_ticks + TREND_TICKS)
        has_audio = self._has_audio.get(*span) > 0
        signals, is_usable = detrended_audio(
            self._onsets.get(*span), self._level.get(*span), has_audio
        )
        return LaggedAudio(signals, is_usable, n_frames)


def mixture_log_likelihood(
    groups: list[tuple[float, NDArray[np.float32]]],
) -> NDArray[np.float64]:
    """Log-likelihood of a mixture model: one unknown motion belongs to the audio.

    Args:
        groups: Prior probability of each group of motions, and its (C, M) log-likelihoods.

    Returns:
        (M,) log-likelihoods.
    """
    stacked = np.concatenate([likelihoods for _, likelihoods in groups]).astype(np.float64)
    priors = np.concatenate([np.full(len(each), prior / len(each)) for prior, each in groups])
    peak = stacked.max(axis=0)
    mixture: NDArray[np.float64] = peak + np.log(priors @ np.exp(stacked - peak))
    return mixture
