"""Damaged and clipped audio is reported."""

import logging
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream

from core.correction.correction import Correction
from core.correction.retime.notes import damage_notes
from core.correction.retiming import Retiming
from core.media.probe import probe
from tests.core.correction.steps import plan_correction, verify_corrected, write_corrected

CORRECTION = Correction(
    (1,), Fraction(0), retiming=Retiming.stretched(Fraction(1001, 1000), Fraction(0))
)


@pytest.fixture
def loud_clip(make_clip: Callable[..., Path], tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a tone of twice full scale beside the picture of a clip."""

    def make(name: str, codec: str) -> Path:
        silent = make_clip("picture.mov", audio=False, size=(96, 80), duration_s=3.0)
        tone = np.sin(np.arange(3 * 48000) / 48000 * 2 * np.pi * 440)[None].astype(np.float32)
        path = tmp_path / name
        with av.open(str(silent)) as reader, av.open(str(path), "w") as writer:
            video = writer.add_stream_from_template(reader.streams[0])
            audio = writer.add_stream(codec, rate=48000, layout="mono")
            assert isinstance(audio, AudioStream)
            for packet in reader.demux():
                if packet.size:
                    packet.stream = video
                    writer.mux(packet)
            for begin in range(0, tone.size, 4800):
                block = np.ascontiguousarray(2 * tone[:, begin : begin + 4800])
                frame = AudioFrame.from_ndarray(block, format="fltp", layout="mono")
                frame.sample_rate, frame.pts = 48000, begin
                frame.time_base = Fraction(1, 48000)
                writer.mux(audio.encode(frame))
            writer.mux(audio.encode(None))
        return path

    return make


def largest(path: Path) -> float:
    with av.open(str(path)) as container:
        return max(float(np.abs(f.to_ndarray()).max()) for f in container.decode(audio=0))


@pytest.mark.parametrize(
    ("name", "codec", "target", "written"),
    [
        ("clip.mov", "pcm_f32le", "out.mov", "pcm_f32le"),
        ("clip.mov", "pcm_f32be", "out.mov", "pcm_f32be"),
        ("clip.mkv", "pcm_f64le", "out.mkv", "pcm_f64le"),
        ("clip.mkv", "pcm_f64le", "out.mp4", "pcm_f64le"),
    ],
)
def test_sound_above_full_scale_stays_as_loud_as_it_is(
    name: str,
    codec: str,
    target: str,
    written: str,
    loud_clip: Callable[..., Path],
    tmp_path: Path,
) -> None:
    info, out = probe(loud_clip(name, codec)), tmp_path / target
    assert "clipped" not in " ".join(plan_correction(info, CORRECTION, out).notes)
    write_corrected(info, out, CORRECTION)
    assert probe(out).audios[0].codec == written
    assert largest(out) == pytest.approx(2, abs=0.01)
    assert verify_corrected(info, out, CORRECTION).passed


def test_clipping_is_told(
    loud_clip: Callable[..., Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # The tone is cut at full scale, and its corners rise above that when they are resampled.
    info, out = probe(loud_clip("clip.mov", "pcm_s16le")), tmp_path / "out.mov"
    notes: list[str] = []
    write_corrected(info, out, CORRECTION, tell=notes.append)
    (note,) = notes
    assert int(note.split()[0]) > 1000
    assert "stream 1) came out louder than full scale and were clipped" in note
    assert note in [
        record.message for record in caplog.records if record.levelno == logging.WARNING
    ]


def test_damaged_sound_is_told(make_clip: Callable[..., Path], tmp_path: Path) -> None:
    whole = make_clip("whole.mkv", audio_codec="flac", rate_hz=48000, size=(96, 80), duration_s=4.0)
    path, out = tmp_path / "clip.mkv", tmp_path / "out.mkv"
    with av.open(str(whole)) as reader, av.open(str(path), "w") as writer:
        copies = [writer.add_stream_from_template(s) for s in reader.streams]
        for number, packet in enumerate(p for p in reader.demux() if p.size):
            index = packet.stream_index
            if index == 1 and number in (60, 61, 62, 63, 64):
                damaged = av.Packet(b"\xff" * packet.size)
                damaged.pts, damaged.dts = packet.pts, packet.dts
                damaged.duration, damaged.time_base = packet.duration, packet.time_base
                packet = damaged
            packet.stream = copies[index]
            writer.mux(packet)
    info = probe(path)
    notes: list[str] = []
    write_corrected(info, out, CORRECTION, tell=notes.append)
    (note,) = notes
    assert "of the sound of clip.mkv (stream 1)" in note
    assert "undecodable parts became silence" in note
    assert verify_corrected(info, out, CORRECTION).passed


@pytest.mark.parametrize(
    ("delays_s", "said"),
    [
        (["2", "0"], "At 5.0 s, where the offset jumps, 2000 ms of the sound are cut out."),
        (["0", "0.5"], "At 4.8 s, where the offset jumps, 500 ms of silence are put in."),
    ],
)
def test_what_is_cut_out_or_put_in_at_a_jump_is_said_beforehand(
    delays_s: list[str], said: str, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    info = probe(make_clip("clip.mp4", duration_s=10, size=(96, 80)))
    retiming = Retiming.moved([Fraction(delay) for delay in delays_s], [Fraction(5)])
    for target in ("out.mp4", "out.mkv"):
        plan = plan_correction(
            info, Correction((1,), Fraction(0), retiming=retiming), tmp_path / target
        )
        assert [note for note in plan.notes if "jumps" in note] == [said]


def test_a_jump_outside_of_the_sound_is_not_mentioned(
    make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    info = probe(make_clip("clip.mp4", duration_s=2, size=(96, 80)))
    retiming = Retiming.moved([Fraction(1), Fraction(0)], [Fraction(5)])
    correction = Correction((1,), Fraction(0), retiming=retiming)
    assert "jumps" not in " ".join(plan_correction(info, correction, tmp_path / "out.mp4").notes)


def test_nothing_is_said_of_sound_that_was_kept() -> None:
    assert damage_notes("the sound", 0, 0) == ()
    assert damage_notes("the sound", 1, 1) == (
        "1 piece of the sound is damaged; undecodable parts became silence.",
        "1 sample of the sound came out louder than full scale and was clipped.",
    )
