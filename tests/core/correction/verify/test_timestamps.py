"""Times of a copy are compared in spite of a wrap of their counter."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import pytest

from core.correction.correction import Correction
from core.media.probe import probe
from tests.core.correction.steps import verify_corrected, write_corrected

WRAP_S = (1 << 33) / 90000


@pytest.mark.parametrize("delay", [Fraction(4, 25), Fraction(-4, 25)])
@pytest.mark.parametrize("suffix", [".ts", ".mkv"])
def test_a_recording_across_a_wrap_of_its_clock_is_copied(
    suffix: str, delay: Fraction, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    wrapped = tmp_path / "wrapped.ts"
    options = {"output_ts_offset": f"{WRAP_S - 2:.3f}"}
    with (
        av.open(str(make_clip(duration_s=4, size=(96, 80)))) as reader,
        av.open(str(wrapped), "w", options=options) as writer,
    ):
        copies = {s.index: writer.add_stream_from_template(s) for s in reader.streams}
        for packet in reader.demux():
            if packet.size:
                packet.stream = copies[packet.stream_index]
                writer.mux(packet)
    info, target, correction = probe(wrapped), tmp_path / f"out{suffix}", Correction((1,), delay)
    write_corrected(info, target, correction)
    assert verify_corrected(info, target, correction).passed
