"""Encoding of clips as H.264 and AAC in MP4, in sync to one sample."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import TypeVar, cast

import av
import numpy as np
from numpy.typing import NDArray
from scipy import signal

from training.data.clip_file import EncodedPacket, mux_sorted
from training.data.synthetic.performance import SOUND_RATE_HZ

_T = TypeVar("_T")

_RATES = (
    (Fraction(25), 0.5),
    (Fraction(24), 0.12),
    (Fraction(30000, 1001), 0.15),
    (Fraction(30), 0.13),
    (Fraction(50), 0.05),
    (Fraction(60), 0.05),
)
_PRESETS = (("ultrafast", 0.5), ("superfast", 0.3), ("veryfast", 0.2))
_AUDIO_RATES_HZ = ((48_000, 0.6), (44_100, 0.3), (32_000, 0.1))
_KBIT_PER_CHANNEL = (48, 64, 80, 96)
_MUX_OPTIONS = {"movie_timescale": "90000", "video_track_timescale": "120000"}
"""Time scales with whole numbers of ticks per frame at all rates above."""

_BLOCK_SAMPLES = 1024


@dataclass(frozen=True, slots=True)
class Encoding:
    """Settings of the codecs.

    Attributes:
        frame_rate: Frame rate in frames/s, exact.
        preset: Preset of x264.
        crf: Constant rate factor of x264; larger is coarser.
        key_frame_distance: Distance of key frames, in frames.
        audio_rate_hz: Sample rate of the audio stream.
        n_channels: 1 or 2.
        audio_bit_rate: Bit rate of all channels together, in bits/s.
    """

    frame_rate: Fraction
    preset: str
    crf: int
    key_frame_distance: int
    audio_rate_hz: int
    n_channels: int
    audio_bit_rate: int


def draw_encoding(rng: np.random.Generator) -> Encoding:
    """Draw settings common in cameras, editors and web sites; half of the clips have 25 fps."""
    n_channels = int(rng.integers(1, 3))
    return Encoding(
        frame_rate=_choose(rng, _RATES),
        preset=_choose(rng, _PRESETS),
        crf=int(rng.integers(18, 37)),
        key_frame_distance=int(rng.choice([12, 25, 50, 250])),
        audio_rate_hz=_choose(rng, _AUDIO_RATES_HZ),
        n_channels=n_channels,
        audio_bit_rate=1000 * n_channels * int(rng.choice(_KBIT_PER_CHANNEL)),
    )


def write_clip(
    path: Path,
    frames: Iterable[NDArray[np.uint8]],
    sound: NDArray[np.float32],
    encoding: Encoding,
) -> None:
    """Encode frames and sound with a common start.

    Args:
        path: The MP4 to write.
        frames: I420 frames, (H * 3 / 2, W) uint8 with even sides; frame k is shown from
            k / frame_rate on.
        sound: (n_channels, n) float32 at 48 kHz within -1..1.
        encoding: Codec settings.
    """
    with av.open(str(path), "w", options=_MUX_OPTIONS) as container:
        # Streams are declared before encoding; the frame size is known with the first frame.
        waiting = iter(frames)
        first = next(waiting)
        video = container.add_stream(
            "libx264",
            rate=encoding.frame_rate,
            options={
                "preset": encoding.preset,
                "crf": str(encoding.crf),
                # Threads and long lookahead cost more than they save at this size.
                "x264-params": "threads=1:lookahead-threads=1:rc-lookahead=4:sync-lookahead=0",
            },
        )
        video.width, video.height = first.shape[1], first.shape[0] * 2 // 3
        video.pix_fmt = "yuv420p"
        video.codec_context.gop_size = encoding.key_frame_distance
        audio = container.add_stream(
            "aac", rate=encoding.audio_rate_hz, layout=_layout(encoding.n_channels)
        )
        audio.bit_rate = encoding.audio_bit_rate
        packets: list[EncodedPacket] = []
        for block in _audio_frames(sound, encoding.audio_rate_hz):
            packets += audio.encode(block)
        packets += audio.encode(None)
        for index, image in enumerate(chain([first], waiting)):
            frame = av.VideoFrame.from_ndarray(image, format="yuv420p")
            frame.pts, frame.time_base = index, 1 / encoding.frame_rate
            packets += video.encode(frame)
        packets += video.encode(None)
        mux_sorted(container, packets)


def resampled(sound: NDArray[np.float32], rate_hz: int) -> NDArray[np.float32]:
    """Resample (C, n) sound from 48 kHz to another rate, without delay."""
    if rate_hz == SOUND_RATE_HZ:
        return sound
    ratio = Fraction(rate_hz, SOUND_RATE_HZ)
    return np.asarray(
        signal.resample_poly(sound, ratio.numerator, ratio.denominator, axis=-1), np.float32
    )


def _audio_frames(sound: NDArray[np.float32], rate_hz: int) -> Iterator[av.AudioFrame]:
    samples = np.clip(resampled(sound, rate_hz), -1, 1)
    for begin in range(0, samples.shape[1], _BLOCK_SAMPLES):
        block = np.ascontiguousarray(samples[:, begin : begin + _BLOCK_SAMPLES])
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=_layout(len(samples)))
        frame.sample_rate, frame.pts, frame.time_base = rate_hz, begin, Fraction(1, rate_hz)
        yield frame


def _layout(n_channels: int) -> str:
    return "mono" if n_channels == 1 else "stereo"


def _choose(rng: np.random.Generator, weighted: tuple[tuple[_T, float], ...]) -> _T:
    values, weights = zip(*weighted, strict=True)
    return cast("_T", values[int(rng.choice(len(values), p=weights))])
