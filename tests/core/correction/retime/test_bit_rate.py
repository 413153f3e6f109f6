"""The bit rate of the busiest part of a sound, wherever it lies."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream

from core.correction.retime.codec_choice import largest_bit_rate
from core.media.reader import open_container

RATE_HZ = 48000


@pytest.fixture
def quiet_beginning(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that encodes silence, then noise, at a variable bit rate."""

    def make(name: str, codec: str, options: dict[str, str], n_quiet_s: int, n_s: int) -> Path:
        rng = np.random.default_rng(0)
        path = tmp_path / name
        with av.open(str(path), "w") as writer:
            stream = writer.add_stream(codec, rate=RATE_HZ, layout="stereo", options=options)
            assert isinstance(stream, AudioStream)
            for second in range(n_s):
                level = 0.3 if second >= n_quiet_s else 0.0
                block = (level * rng.normal(size=(2, RATE_HZ))).astype(np.float32)
                frame = AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
                frame.sample_rate, frame.pts = RATE_HZ, second * RATE_HZ
                frame.time_base = Fraction(1, RATE_HZ)
                writer.mux(stream.encode(frame))
            writer.mux(stream.encode(None))
        return path

    return make


@pytest.mark.parametrize(
    ("name", "codec", "options", "least"),
    [
        ("clip.mkv", "libopus", {"b": "192k", "vbr": "on"}, 150_000),
        ("clip.mp4", "libopus", {"b": "192k", "vbr": "on"}, 150_000),
        ("clip.ts", "libopus", {"b": "192k", "vbr": "on"}, 150_000),
    ],
)
@pytest.mark.parametrize(("n_quiet_s", "n_s"), [(14, 20), (45, 60)])
def test_a_quiet_beginning_does_not_tell(
    name: str,
    codec: str,
    options: dict[str, str],
    least: int,
    n_quiet_s: int,
    n_s: int,
    quiet_beginning: Callable[..., Path],
) -> None:
    path = quiet_beginning(name, codec, options, n_quiet_s, n_s)
    with open_container(path) as reader:
        stream = reader.streams[0]
        assert isinstance(stream, AudioStream)
        assert largest_bit_rate(reader, stream) >= least
