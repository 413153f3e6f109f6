import re
import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import pytest

from core.correction.correction import Correction, Inexact
from core.correction.plan.moves import Method
from core.correction.retiming import Retiming
from core.correction.write.read_packets import end_of
from core.errors import ExportError
from core.media.formats.output_format import Layout
from core.media.info import MediaInfo
from core.media.probe import probe
from tests.core.correction.steps import plan_correction, verify_corrected, write_corrected

pytestmark = pytest.mark.usefixtures("written_anew")

MP3_AVI = {"video_codec": "mpeg4", "audio_codec": "libmp3lame", "rate_hz": 48000}
"""Packets of 24 ms."""
MXF = {"video_codec": "mpeg2video", "audio_codec": "pcm_s16le", "rate_hz": 48000}


def by(info: MediaInfo, delay_ms: float, inexact: Inexact | None = None) -> Correction:
    return Correction((info.audios[0].index,), Fraction(delay_ms) / 1000, inexact)


def _write_longer_sound(path: Path) -> None:
    """Leave the second half of the pictures of a clip away."""
    whole = path.rename(path.with_stem("whole"))
    with av.open(str(whole)) as reader, av.open(str(path), "w") as writer:
        copies = [writer.add_stream_from_template(s, opaque=True) for s in reader.streams]
        for packet in reader.demux():
            is_late = packet.stream_index == 0 and (packet.dts or 0) * packet.time_base >= 1
            if packet.size and not is_late:
                packet.stream = copies[packet.stream_index]
                writer.mux(packet)


@pytest.fixture
def avi(make_clip: Callable[..., Path]) -> MediaInfo:
    return probe(make_clip("clip.avi", duration_s=2, size=(96, 80), **MP3_AVI))


def _start_late(path: Path, kind: bytes, number: int, ticks: int) -> MediaInfo:
    """State a start of a stream of an AVI file, in its own ticks (`dwStart` of its header)."""
    content = bytearray(path.read_bytes())
    at = [found.start() for found in re.finditer(b"strh....%s" % kind, content, re.DOTALL)][number]
    content[at + 36 : at + 40] = ticks.to_bytes(4, "little")
    path.write_bytes(content)
    return probe(path)


@pytest.mark.parametrize(
    ("kind", "ticks", "begins"),
    [(b"vids", 25, "0 of clip.avi (video)"), (b"auds", 20, "1 of clip.avi (audio)")],
)
def test_an_avi_whose_streams_do_not_begin_together_is_refused_before_writing(
    kind: bytes, ticks: int, begins: str, avi: MediaInfo, tmp_path: Path
) -> None:
    late = _start_late(avi.path, kind, 0, ticks)
    correction = by(late, 24, Inexact.NEAREST)
    (sentence,) = plan_correction(late, correction, tmp_path / "out.avi").refused
    assert sentence.startswith(f"Stream {begins} begins ")
    assert sentence.endswith("choose a name that ends in .mkv.")
    target = tmp_path / "out.mkv"
    write_corrected(late, target, correction)
    assert verify_corrected(late, target, correction).passed


def test_times_of_packets_are_exact_to_the_tick(
    make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    info = probe(make_clip("clip.mp4", duration_s=1, rate_hz=48000))
    for suffix, remainder_s in ((".mp4", 0), (".ts", 0), (".mkv", Fraction(-1, 4000))):
        plan = plan_correction(info, by(info, 7.25), tmp_path / f"out{suffix}")
        assert plan.moves[0].method is Method.TIMES
        assert plan.remainder_s == pytest.approx(remainder_s, abs=1e-5)
        assert plan.is_exact
        assert plan.choices == plan.refused == ()


def test_coded_sound_of_an_avi_leaves_a_choice(avi: MediaInfo, tmp_path: Path) -> None:
    target = tmp_path / "out.avi"
    plan = plan_correction(avi, by(avi, 40), target)
    assert [choice.inexact for choice in plan.choices] == [Inexact.NEAREST, Inexact.REENCODE, None]
    assert not plan.is_exact
    with pytest.raises(ExportError, match=r"choose the nearest packet \(8\.0 ms too late\) by"):
        write_corrected(avi, target, by(avi, 40))
    assert not target.exists()


@pytest.mark.parametrize(
    ("delay_ms", "choice", "note"),
    [
        (
            40,
            "the nearest packet (8.0 ms too late) by putting 2 packets of encoded silence in front",
            "gets 2 packets of encoded silence in front of it, since AVI has no times: "
            "it comes 48 ms later, 8 ms later than asked for.",
        ),
        (
            -28,
            "the nearest packet (4.0 ms too late) by cutting 1 packet of sound off its head",
            "loses 1 packet at its head, since AVI has no times: "
            "it comes 24 ms earlier, 4 ms later than asked for.",
        ),
        (
            10,
            "the nearest packet (10.0 ms too early)",
            "stays as it is, since AVI has no times: it comes 10 ms earlier than asked for.",
        ),
    ],
)
def test_how_the_nearest_packet_is_reached_is_told_with_what_remains(
    delay_ms: int, choice: str, note: str, avi: MediaInfo, tmp_path: Path
) -> None:
    target = tmp_path / "out.avi"
    assert plan_correction(avi, by(avi, delay_ms), target).choices[0].words == choice
    plan = plan_correction(avi, by(avi, delay_ms, Inexact.NEAREST), target)
    assert plan.notes[0] == f"Stream 1 of clip.avi (audio) {note}"
    assert plan.moved_s == Fraction(delay_ms, 1000) + plan.remainder_s
    assert plan.moved_s == plan.moves[0].delay_s


@pytest.mark.parametrize(
    ("codec", "delay_ms", "words"),
    [
        ("libmp3lame", 480, "The file gets 480 ms longer, since its sound ends later."),
        ("pcm_s16le", 480, "The file gets 480 ms longer, since its sound ends later."),
        ("pcm_s16le", -480, "The file gets 480 ms shorter, since its sound ends earlier."),
    ],
)
def test_another_length_of_an_avi_is_told(
    codec: str, delay_ms: int, words: str, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    options = {**MP3_AVI, "audio_codec": codec}
    path = make_clip("clip.avi", duration_s=2, size=(96, 80), **options)
    if delay_ms < 0:
        _write_longer_sound(path)
    info = probe(path)
    plan = plan_correction(info, by(info, delay_ms), tmp_path / "out.avi")
    assert plan.notes[-1] == words
    write_corrected(info, tmp_path / "out.avi", by(info, delay_ms))
    longer_s = end_s(tmp_path / "out.avi") - end_s(path)
    assert longer_s == pytest.approx(delay_ms / 1000, abs=0.03)


def end_s(path: Path) -> float:
    with av.open(str(path)) as container:
        return float(max(end_of(packet) for packet in container.demux() if packet.size))


@pytest.mark.parametrize(
    ("delay_ms", "inexact", "method", "n_units", "remainder_ms"),
    [
        (40, Inexact.NEAREST, Method.PACKETS, 2, 8),
        (-40, Inexact.NEAREST, Method.PACKETS, -2, -8),
        (-48, None, Method.PACKETS, -2, 0),
        (40, Inexact.REENCODE, Method.DECODED, 1920, 0),
    ],
)
def test_what_was_chosen_is_done_and_verified(
    delay_ms: int,
    inexact: Inexact | None,
    method: Method,
    n_units: int,
    remainder_ms: int,
    avi: MediaInfo,
    tmp_path: Path,
) -> None:
    correction = by(avi, delay_ms, inexact)
    plan = plan_correction(avi, correction, tmp_path / "out.avi")
    assert (plan.moves[0].method, plan.moves[0].n_units) == (method, n_units)
    assert plan.remainder_s == Fraction(remainder_ms, 1000)
    write_corrected(avi, tmp_path / "out.avi", correction)
    found = verify_corrected(avi, tmp_path / "out.avi", correction)
    assert found.passed
    assert found.shift_error_s < 1e-6
    assert found.remainder_s == remainder_ms / 1000
    other = by(avi, delay_ms + 24, inexact or Inexact.NEAREST)
    assert not verify_corrected(avi, tmp_path / "out.avi", other).passed


@pytest.mark.parametrize(
    ("delay_ms", "words"),
    [
        (-500, "Stream 1 of clip.mxf (audio) gets 500 ms of silence at its end: MXF ends sound"),
        (500, "The last 500 ms of stream 1 of clip.mxf (audio) are left out: MXF ends with"),
    ],
)
def test_every_picture_of_an_mxf_is_kept_and_what_becomes_of_the_end_of_its_sound_is_told(
    delay_ms: int, words: str, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    info = probe(make_clip("clip.mxf", duration_s=2, size=(96, 80), **MXF))
    plan = plan_correction(info, by(info, delay_ms), tmp_path / "out.mxf")
    assert "500 ms of silence in front" in plan.notes[0] or "its first 500 ms" in plan.notes[0]
    assert plan.notes[-1].startswith(words)
    assert len(plan.notes) == 2
    write_corrected(info, tmp_path / "out.mxf", by(info, delay_ms))
    sizes = []
    for path in (info.path, tmp_path / "out.mxf"):
        with av.open(str(path)) as container:
            packets = [packet for packet in container.demux() if packet.size]
            audio = [packet.size for packet in packets if packet.stream.type == "audio"]
            sizes.append((len(packets) - len(audio), sum(audio)))
    assert sizes[0] == sizes[1]
    assert verify_corrected(info, tmp_path / "out.mxf", by(info, delay_ms)).passed


@pytest.mark.parametrize("kind", ["avi", "mxf"])
def test_changed_sound_is_found_where_it_was_laid_out_anew(
    kind: str, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    info = probe(make_clip(f"clip.{kind}", duration_s=2, size=(96, 80), **MXF))
    target = tmp_path / f"out.{kind}"
    write_corrected(info, target, by(info, 100))
    with av.open(str(target)) as container:
        audio = next(bytes(p) for p in container.demux(audio=0) if len(set(bytes(p))) > 100)
    content = bytearray(target.read_bytes())
    content[content.index(audio[:1000]) + 100] ^= 1
    target.write_bytes(content)
    assert not verify_corrected(info, target, by(info, 100)).packets_equal


@pytest.mark.parametrize("kind", ["avi", "mxf"])
def test_noise_in_place_of_silence_is_found(
    kind: str, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    info = probe(make_clip(f"clip.{kind}", duration_s=2, size=(96, 80), **MXF))
    target = tmp_path / f"out.{kind}"
    write_corrected(info, target, by(info, 100))
    content = bytearray(target.read_bytes())
    with av.open(str(target)) as container:
        n_bytes = next(p.size for p in container.demux(audio=0))
    start = content.index(b"movi") if kind == "avi" else content.rindex(bytes(n_bytes))
    content[content.index(bytes(n_bytes - 8), start) + 100] ^= 1
    target.write_bytes(content)
    assert not verify_corrected(info, target, by(info, 100)).packets_equal


def test_room_is_wanted_for_sound_that_is_no_longer_coded(
    avi: MediaInfo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "out.avi"
    n_samples = 2 * 48000
    for inexact, n_bytes in ((Inexact.REENCODE, 2 * n_samples), (Inexact.NEAREST, 0)):
        n_more = plan_correction(avi, by(avi, 40, inexact), target).n_more_bytes
        assert n_more == pytest.approx(n_bytes, rel=0.05)
    free = shutil._ntuple_diskusage(10**9, 0, round(1.2 * avi.size_bytes))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: free)
    with pytest.raises(ExportError, match="free some space"):
        write_corrected(avi, target, by(avi, 40, Inexact.REENCODE))
    write_corrected(avi, target, by(avi, 40, Inexact.NEAREST))


def test_room_is_wanted_for_sound_without_loss_in_place_of_a_codec_without_encoder(
    make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    codecs = {"video_codec": "mpeg4", "audio_codec": "adpcm_ms", "rate_hz": 48000}
    info = probe(make_clip("clip.avi", duration_s=2, **codecs))
    retiming = Retiming.stretched(Fraction(1001, 1000), Fraction(0))
    correction = Correction((1,), Fraction(0), retiming=retiming)
    plan = plan_correction(info, correction, tmp_path / "out.mkv")
    assert plan_correction(info, correction, tmp_path / "out.mkv") == plan
    assert plan.n_more_bytes == pytest.approx(2 * 2 * 48000, rel=0.05)


def test_a_source_that_changed_is_told(make_clip: Callable[..., Path], tmp_path: Path) -> None:
    info = probe(make_clip(duration_s=1, size=(96, 80)))
    plan = plan_correction(info, by(info, 40), tmp_path / "out.mkv")
    assert plan.is_current()
    info.path.write_bytes(b"other")
    assert not plan.is_current()
    with pytest.raises(ExportError, match=r"clip\.mp4 has changed since it was opened"):
        plan.check_current()
    with pytest.raises(ExportError, match=r"clip\.mp4 has changed since it was opened"):
        plan_correction(info, by(info, 40), tmp_path / "out.mkv")


def test_a_layout_of_another_container_is_refused(
    make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    info = probe(make_clip(duration_s=1, size=(96, 80)))
    with pytest.raises(ExportError, match="The layout faststart is one of MP4 and MOV"):
        plan_correction(info, by(info, 40), tmp_path / "out.mkv", Layout.FASTSTART)
