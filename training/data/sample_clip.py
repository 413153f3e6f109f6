"""Render the sample clip of `resources/`: drum pads with lights, audio early.

``python -m training.data.sample_clip resources/sample.mp4`` writes it again.
"""

import argparse
import functools
import math
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

OFFSET_S = 0.16
"""Offset of the shipped clip."""

DURATION_S = 12
FRAME_RATE = 25
SAMPLE_RATE_HZ = 48000
WIDTH_PX, HEIGHT_PX = 640, 360

_PADS = (
    # centre x, centre y (px), radius (px), colour, pitch (Hz), decay (s)
    (120, 240, 62, (236, 112, 99), 70.0, 0.16),
    (258, 250, 54, (244, 180, 80), 140.0, 0.12),
    (386, 250, 54, (88, 196, 148), 210.0, 0.10),
    (520, 240, 62, (93, 160, 235), 330.0, 0.09),
)
_BACKGROUND = (28, 30, 38)
_GLOW_S = 0.12


@functools.cache
def hits(seed: int = 7) -> tuple[tuple[float, int], ...]:
    """Time in seconds and pad of every hit.

    The rhythm is irregular, so no shift repeats it. Hits fall anywhere between frames, as before a
    camera.
    """
    rng = np.random.default_rng(seed)
    found = []
    time_s = 0.5
    while time_s < DURATION_S - 0.6:
        found.append((time_s, int(rng.integers(len(_PADS)))))
        time_s += round(
            float(rng.choice([0.2, 0.28, 0.32, 0.44, 0.56, 0.76]) * rng.uniform(0.9, 1.1)), 3
        )
    return tuple(found)


def render_frame(index: int) -> NDArray[np.uint8]:
    """Render a frame as (360, 640, 3) uint8 RGB."""
    y, x = np.mgrid[0:HEIGHT_PX, 0:WIDTH_PX].astype(np.float32)
    video = np.empty((HEIGHT_PX, WIDTH_PX, 3), np.float32)
    video[:] = _BACKGROUND
    video += (18 * (1 - y / HEIGHT_PX))[..., None]
    for pad, (centre_x, centre_y, radius, colour, _, _) in enumerate(_PADS):
        ages_s = [index / FRAME_RATE - t for t, p in hits() if p == pad]
        glow = max((math.exp(-age_s / _GLOW_S) for age_s in ages_s if age_s >= 0), default=0.0)
        # A hit also pushes the pad down and moves its outline.
        distance = np.hypot(x - centre_x, (y - centre_y - 10 * glow) * 1.6)
        inside = np.clip(radius - distance, 0, 1)[..., None]
        lit = np.array(colour, np.float32) * (0.32 + 0.68 * glow) + 60 * glow
        video = video * (1 - inside) + lit * inside
        rim = np.clip(2.5 - np.abs(distance - radius), 0, 1)[..., None]
        video = video * (1 - rim) + np.array(colour, np.float32) * (0.6 + 0.4 * glow) * rim
    return np.clip(video, 0, 255).astype(np.uint8)


def render_audio(offset_s: float) -> NDArray[np.float32]:
    """Render the audio as (2, N) float32 at 48 kHz, early by `offset_s`."""
    rng = np.random.default_rng(11)
    audio = 0.002 * rng.standard_normal(DURATION_S * SAMPLE_RATE_HZ)
    for time_s, pad in hits():
        start = round((time_s - offset_s) * SAMPLE_RATE_HZ)
        *_, pitch_hz, decay_s = _PADS[pad]
        t = np.arange(round(6 * decay_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
        drum = np.sin(2 * np.pi * pitch_hz * (t + 0.02 * (1 - np.exp(-t / 0.02))))
        stroke = 0.4 * rng.standard_normal(t.size) * np.exp(-t / 0.004)
        note = (0.5 * drum + stroke) * np.exp(-t / decay_s)
        begin, end = max(start, 0), min(start + t.size, audio.size)
        audio[begin:end] += note[begin - start : end - start]
    return np.clip(np.stack([audio, audio]), -0.98, 0.98).astype(np.float32)


def write_sample_clip(target: Path, offset_s: float = OFFSET_S) -> None:
    """Write the clip as H.264 and AAC.

    Args:
        target: File to write; its suffix chooses the container.
        offset_s: Offset of the audio in seconds.
    """
    with av.open(target, "w") as container:
        video = container.add_stream(
            "libx264", rate=FRAME_RATE, options={"crf": "23", "preset": "slow"}
        )
        video.width, video.height, video.pix_fmt = WIDTH_PX, HEIGHT_PX, "yuv420p"
        audio_stream = container.add_stream("aac", rate=SAMPLE_RATE_HZ, layout="stereo")
        audio_stream.bit_rate = 128_000
        for index in range(DURATION_S * FRAME_RATE):
            frame = av.VideoFrame.from_ndarray(render_frame(index), format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, FRAME_RATE)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        samples = render_audio(offset_s)
        for begin in range(0, samples.shape[1], 1024):
            block = np.ascontiguousarray(samples[:, begin : begin + 1024])
            audio = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
            audio.sample_rate, audio.pts = SAMPLE_RATE_HZ, begin
            audio.time_base = Fraction(1, SAMPLE_RATE_HZ)
            container.mux(audio_stream.encode(audio))
        container.mux(audio_stream.encode(None))


def main() -> None:
    """Read the command line and write the clip."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("target", type=Path)
    parser.add_argument("--offset", type=float, default=OFFSET_S, help="seconds of early audio")
    arguments = parser.parse_args()
    write_sample_clip(arguments.target, arguments.offset)


if __name__ == "__main__":
    main()
