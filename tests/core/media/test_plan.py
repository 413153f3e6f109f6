from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import pytest

from core.errors import ExportError
from core.media.correction import Correction, Inexact
from core.media.info import MediaInfo
from core.media.plan import Method, plan_correction
from core.media.probe import probe
from core.media.remux import write_corrected
from core.media.verify import verify_corrected

MP3_AVI = {"video_codec": "mpeg4", "audio_codec": "libmp3lame", "rate_hz": 48000}
"""Packets of 24 ms."""
MXF = {"video_codec": "mpeg2video", "audio_codec": "pcm_s16le", "rate_hz": 48000}


def by(info: MediaInfo, delay_ms: float, inexact: Inexact | None = None) -> Correction:
    return Correction((info.audios[0].index,), Fraction(delay_ms) / 1000, inexact)


@pytest.fixture
def avi(make_clip: Callable[..., Path]) -> MediaInfo:
    return probe(make_clip("clip.avi", duration_s=2, size=(96, 80), **MP3_AVI))


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
    with pytest.raises(ExportError, match=r"choose the nearest packet \(8\.0 ms too late\), to re"):
        write_corrected(avi, target, by(avi, 40))
    assert not target.exists()


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
    assert len(plan.notes) == 1 + (inexact is Inexact.REENCODE)
    write_corrected(avi, tmp_path / "out.avi", correction)
    found = verify_corrected(avi, tmp_path / "out.avi", correction)
    assert found.passed
    assert found.shift_error_s < 1e-6
    assert found.remainder_s == remainder_ms / 1000
    other = by(avi, delay_ms + 24, inexact or Inexact.NEAREST)
    assert not verify_corrected(avi, tmp_path / "out.avi", other).passed


@pytest.mark.parametrize("delay_ms", [-500, 500])
def test_every_picture_of_an_mxf_is_kept_and_sound_after_it_is_said_to_be_left_out(
    delay_ms: int, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    info = probe(make_clip("clip.mxf", duration_s=2, size=(96, 80), **MXF))
    plan = plan_correction(info, by(info, delay_ms), tmp_path / "out.mxf")
    assert any("500 ms" in note for note in plan.notes)
    assert plan.notes[-1] == "MXF ends with the picture: sound after it is left out."
    write_corrected(info, tmp_path / "out.mxf", by(info, delay_ms))
    sizes = []
    for path in (info.path, tmp_path / "out.mxf"):
        with av.open(str(path)) as container:
            packets = [packet for packet in container.demux() if packet.size]
            sound = [packet.size for packet in packets if packet.stream.type == "audio"]
            sizes.append((len(packets) - len(sound), sum(sound)))
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
        sound = next(bytes(p) for p in container.demux(audio=0) if len(set(bytes(p))) > 100)
    content = bytearray(target.read_bytes())
    content[content.index(sound[:1000]) + 100] ^= 1
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
