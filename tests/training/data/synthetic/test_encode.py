import itertools
from fractions import Fraction

import numpy as np
import pytest
from scipy import signal

from core.media.decoder import ClipDecoder
from core.media.probe import probe
from training.data.synthetic.encode import Encoding, draw_encoding, write_clip

RATES = [Fraction(25), Fraction(24), Fraction(30000, 1001), Fraction(60)]
SOUNDS = [(48_000, 2), (44_100, 1), (32_000, 2)]


@pytest.mark.parametrize(
    ("rate", "preset", "sound"),
    list(itertools.product(RATES, ["ultrafast", "veryfast"], SOUNDS)),
    ids=str,
)
def test_what_begins_together_is_read_together_to_the_sample(tmp_path, rate, preset, sound):
    path = tmp_path / "clip.mp4"
    audio_rate_hz, n_channels = sound
    lit = round(2 * rate)
    frames = [np.full((192, 128), 40, np.uint8) for _ in range(round(3 * rate))]
    frames[lit][:128] = 220
    samples = np.zeros((n_channels, 3 * 48_000), np.float32)
    samples[:, 96_000:96_480] = 0.5 * np.sin(0.4 * np.arange(480))

    write_clip(
        path, frames, samples, Encoding(rate, preset, 23, 25, audio_rate_hz, n_channels, 96_000)
    )

    info = probe(path)
    assert info.videos[0].frame_rate == rate
    with ClipDecoder(info, video_stream_index=0, audio_stream_index=1) as decoder:
        chunks = list(decoder)
    waveform = np.concatenate([chunk.waveform for chunk in chunks])
    brightness = np.concatenate([chunk.frames.mean(axis=(1, 2, 3)) for chunk in chunks])
    wanted = signal.resample_poly(samples[0], 1, 3)
    agreement = np.correlate(waveform[31_000:33_500], wanted[31_500:33_000], "valid")
    assert agreement.argmax() == 500
    assert brightness.argmax() == round(float(lit / rate) * 25)
    assert decoder.warnings == ()


def test_half_of_the_clips_have_25_fps():
    drawn = [draw_encoding(np.random.default_rng(seed)) for seed in range(400)]

    assert abs(np.mean([e.frame_rate == 25 for e in drawn]) - 0.5) < 0.08
    assert {e.n_channels for e in drawn} == {1, 2}
