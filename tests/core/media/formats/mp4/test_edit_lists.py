"""Hidden media of edit lists, and files put together from several edits."""

import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from core.correction.correction import Correction
from core.errors import ExportError
from core.media.formats.mp4.edit_lists import Span, n_edits, read_edit_lists, write_edit_lists
from core.media.formats.output_format import Layout
from core.media.formats.stream_header import index_of
from core.media.probe import probe
from core.media.reader import open_container
from tests.core.correction.steps import plan_correction, verify_corrected, write_corrected
from tests.core.media.formats.mp4_boxes import box, contents

pytestmark = pytest.mark.usefixtures("written_anew")

CONTAINER = "mov,mp4,m4a,3gp,3g2,mj2"

TICKS_HZ = 90000
"""Ticks of the movie, in clips of `make_clip`."""


def edited(clip: Path, kinds: tuple[str, ...], edits: list[tuple[float, float | None]]) -> Path:
    """Replace the edit lists of tracks; the index must be at the end of the file.

    Edits are (length, begin in the track) in seconds; None stands for a pause.
    """
    content = clip.read_bytes()
    start = content.rindex(b"moov") - 4
    index = b""
    for name, body in contents(content[start + 8 :]):
        if name == b"trak" and body[body.index(b"hdlr") + 12 :][:4].decode() in kinds:
            rate_hz = struct.unpack_from(">I", body, body.index(b"mdhd") + 16)[0]
            entries = b"".join(
                struct.pack(
                    ">IiI",
                    round(length_s * TICKS_HZ),
                    -1 if begin_s is None else round(begin_s * rate_hz),
                    1 << 16,
                )
                for length_s, begin_s in edits
            )
            edit_list = box(b"elst", struct.pack(">II", 0, len(edits)) + entries)
            inner = [(n, b) for n, b in contents(body) if n != b"edts"]
            inner.insert(1, (b"edts", edit_list))
            body = b"".join(box(*one) for one in inner)
        index += box(name, body)
    clip.write_bytes(content[:start] + box(b"moov", index))
    return clip


def heard(path: Path) -> np.ndarray:
    """Decode the audio of a player from time zero on, with silence in gaps."""
    rate_hz = 48000
    audio = np.zeros(8 * rate_hz, np.float32)
    resampler = av.AudioResampler(format="flt", layout="mono", rate=rate_hz)
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            begin = round((frame.time or 0) * rate_hz)
            samples = np.concatenate([f.to_ndarray()[0] for f in resampler.resample(frame)])
            audio[begin : begin + len(samples)] = samples[: len(audio) - begin]
    return audio


@pytest.mark.parametrize("codec", ["aac", "pcm_s16le"])
@pytest.mark.parametrize(
    ("edits", "delay_ms"),
    [
        ([(2.0, 1.7)], 160),
        ([(2.0, 0.5)], 700),
        ([(0.4, None), (2.0, 0.5)], 60),
        ([(0.4, None), (2.0, 0.5)], -60),
        ([(2.0, 0.5)], -160),
    ],
)
def test_sound_that_an_edit_list_hides_stays_hidden(
    codec: str,
    edits: list[tuple[float, float | None]],
    delay_ms: int,
    make_clip: Callable[..., Path],
    tmp_path: Path,
) -> None:
    clip = make_clip("clip.mov", duration_s=4, size=(96, 80), rate_hz=48000, audio_codec=codec)
    info = probe(edited(clip, ("soun",), edits))
    correction = Correction((1,), Fraction(delay_ms, 1000))
    before = heard(clip)
    target = write_corrected(info, tmp_path / "out.mov", correction)
    after = heard(target)
    n_later = delay_ms * 48
    expected = np.roll(before, n_later)
    if n_later < 0:
        expected[n_later:] = 0
    # A few samples at the end of the edit are those of a packet that is played to its end.
    end = round((sum(length_s for length_s, _ in edits) + delay_ms / 1000) * 48000)
    assert np.abs(after[:end] - expected[:end]).max() < 1e-3
    assert np.abs(before).max() > 0.2
    assert verify_corrected(info, target, correction).passed


@pytest.mark.parametrize("layout", [Layout.FASTSTART, None])
def test_it_stays_hidden_in_every_layout_and_of_the_second_stream(
    layout: Layout | None, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    clip = make_clip("clip.mp4", duration_s=4, size=(96, 80), rate_hz=48000, n_audio=2)
    info = probe(edited(clip, ("soun",), [(2.0, 0.5)]))
    correction = Correction((2,), Fraction(160, 1000))
    target = write_corrected(info, tmp_path / "out.mp4", correction, layout=layout)
    with av.open(str(clip)) as before, av.open(str(target)) as after:
        first = [next(c.decode(audio=1)) for c in (before, after)]
    times_s = [frame.time or 0 for frame in first]
    assert times_s[1] - times_s[0] == pytest.approx(0.16, abs=1e-4)
    assert np.abs(first[1].to_ndarray() - first[0].to_ndarray()).max() < 1e-3
    assert verify_corrected(info, target, correction).passed
    assert probe(target).duration_s == pytest.approx(4, abs=0.05)


def shown(path: Path) -> list[tuple[float, bytes]]:
    """Decode presentation time and pixels of each frame."""
    with av.open(str(path)) as container:
        return [
            (round(float(frame.time or 0), 4), frame.to_ndarray(format="gray").tobytes())
            for frame in container.decode(video=0)
        ]


EDITS = [
    [(2.0, 0.0)],
    [(1.5, 2.3)],
    [(0.4, None), (1.5, 1.3)],
    [(0.4, None), (1.5, 2.0)],
    [(0.4, None), (9.0, 0.0)],
]


@pytest.mark.parametrize("edits", EDITS)
@pytest.mark.parametrize(
    ("name", "layout", "delay_ms"),
    [("out.mp4", None, 160), ("out.mov", Layout.FASTSTART, -160), ("out.mp4", None, -700)],
)
def test_pictures_that_an_edit_list_hides_stay_hidden(
    name: str,
    layout: Layout | None,
    delay_ms: int,
    edits: list[tuple[float, float | None]],
    make_clip: Callable[..., Path],
    tmp_path: Path,
) -> None:
    clip = make_clip("clip.mp4", duration_s=5, size=(96, 80), rate_hz=48000)
    info = probe(edited(clip, ("vide",), edits))
    correction = Correction((1,), Fraction(delay_ms, 1000))
    target = write_corrected(info, tmp_path / name, correction, layout=layout)
    assert shown(target) == shown(clip)
    assert verify_corrected(info, target, correction).passed
    assert probe(target).video == info.video
    with open_container(target, shows_hidden=True) as whole:
        assert len(whole.streams.video[0].index_entries) == 125


@pytest.mark.parametrize(
    "edits", [[(1.0, 0.0)], [(3.0, 0.0)], [(2.0, 0.2)], [(0.2, None), (2.0, 0.0)]]
)
@pytest.mark.parametrize("kind", ["vide", "soun"])
def test_a_copy_that_shows_something_else_does_not_pass(
    kind: str,
    edits: list[tuple[float, float | None]],
    make_clip: Callable[..., Path],
    tmp_path: Path,
) -> None:
    clip = make_clip("clip.mov", duration_s=4, size=(96, 80), rate_hz=48000)
    info = probe(edited(clip, ("vide", "soun"), [(2.0, 0.0)]))
    correction = Correction((1,), Fraction(0))
    target = write_corrected(info, tmp_path / "out.mov", correction)
    assert verify_corrected(info, target, correction).passed
    found = verify_corrected(info, edited(target, (kind,), edits), correction)
    assert not found.passed
    if edits[0][1] == 0:
        stream = "stream 0 (video)" if kind == "vide" else "stream 1 (audio)"
        (told,) = found.differing
        assert told.startswith(f"what is played of {stream}: ")


@pytest.mark.parametrize("edits", [[(2.0, 0.0)], [(2.0, 0.5)]])
@pytest.mark.parametrize("kind", ["vide", "soun"])
def test_what_is_hidden_is_not_put_into_fragments(
    kind: str,
    edits: list[tuple[float, float | None]],
    make_clip: Callable[..., Path],
    tmp_path: Path,
) -> None:
    clip = make_clip("clip.mp4", duration_s=4, size=(96, 80), rate_hz=48000)
    correction, target = Correction((1,), Fraction(160, 1000)), tmp_path / "out.mp4"
    write_corrected(probe(clip), target, correction, layout=Layout.FRAGMENTED)
    info = probe(edited(clip, (kind,), edits))
    with pytest.raises(ExportError, match=r"^clip\.mp4 hides .* choose another layout\.$"):
        write_corrected(info, target, correction, layout=Layout.FRAGMENTED, overwrite=True)


def test_not_even_a_part_of_a_hidden_picture_is_put_into_fragments(
    make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    clip = make_clip("clip.mp4", duration_s=4, size=(96, 80), rate_hz=48000)
    target, correction = tmp_path / "out.mp4", Correction((1,), Fraction(160, 1000))
    write_corrected(probe(clip), target, correction, layout=Layout.FRAGMENTED)
    info = probe(edited(clip, ("vide",), [(4.0, 0.088)]))
    with pytest.raises(ExportError, match=r"hides 0\.01 s of stream 0 \(video\)"):
        write_corrected(info, tmp_path / "other.mp4", correction, layout=Layout.FRAGMENTED)


def test_where_hidden_pictures_would_be_shown_it_is_told(
    make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    clip = make_clip("clip.mp4", duration_s=4, size=(96, 80), rate_hz=48000)
    edited(clip, ("vide",), [(1.5, 0.5)])
    told = [note for note in notes(clip, tmp_path / "out.mkv") if "hides" in note]
    assert len(told) == 2
    assert "of picture behind its end, which out.mkv will show" in told[1]
    assert not any("hides" in note for note in notes(clip, tmp_path / "out.mov"))


def test_edits_without_length_behind_the_piece_make_no_second_one(
    make_clip: Callable[..., Path],
) -> None:
    clip = make_clip("clip.mp4", duration_s=4, size=(96, 80), rate_hz=48000)
    edited(clip, ("vide",), [(0.5, None), (2.0, 0.0), (0.0, 1.0), (1.0, None)])
    assert n_edits(index_of(clip, CONTAINER)) == 1
    span = next(
        span for span in read_edit_lists(index_of(clip, CONTAINER)).values() if span.begin_s
    )
    assert (span.begin_s, span.end_s) == (Fraction(1, 2), Fraction(5, 2))
    edited(clip, ("vide",), [(0.25, None), (0.5, None), (0.0, 1.0), (2.0, 0.0)])
    assert n_edits(index_of(clip, CONTAINER)) == 1
    span = next(
        span for span in read_edit_lists(index_of(clip, CONTAINER)).values() if span.begin_s
    )
    assert (span.begin_s, span.end_s) == (Fraction(3, 4), Fraction(11, 4))
    edited(clip, ("vide",), [(1.0, 0.0), (0.5, None), (2.0, 1.0)])
    assert n_edits(index_of(clip, CONTAINER)) == 3


@pytest.fixture
def cut_clip(make_clip: Callable[..., Path], tmp_path: Path) -> Path:
    """A clip with an open GOP at its begin: frames before the key frame refer to lost ones."""
    clip = make_clip(
        "open.mp4",
        duration_s=4,
        size=(96, 80),
        rate_hz=48000,
        fps=Fraction(50),
        video_options={"bf": "3", "g": "20", "x264-params": "open-gop=1"},
    )
    path = tmp_path / "cut.mov"
    with av.open(str(clip)) as source, av.open(str(path), "w") as target:
        streams = {s.index: target.add_stream_from_template(s) for s in source.streams}
        begin_s: Fraction | None = None
        for packet in source.demux():
            if packet.pts is None or packet.dts is None or packet.time_base is None:
                continue
            if begin_s is None:
                if packet.stream.type != "video" or not packet.is_keyframe or packet.pts <= 0:
                    continue
                # Half a picture after zero come those that are shown before the key frame.
                begin_s = packet.pts * packet.time_base - Fraction(7, 100)
            shift = round(begin_s / packet.time_base)
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
            packet.stream = streams[packet.stream.index]
            target.mux(packet)
    return path


@pytest.mark.parametrize("delay_ms", [160, -160, 7])
def test_a_cut_between_pictures_that_refer_to_each_other_keeps_its_index(
    cut_clip: Path, delay_ms: int, tmp_path: Path
) -> None:
    info, target = probe(cut_clip), tmp_path / "out.mov"
    correction = Correction((1,), Fraction(delay_ms, 1000))
    write_corrected(info, target, correction)
    assert verify_corrected(info, target, correction).passed
    assert shown(target) == shown(cut_clip)


def test_an_index_without_room_is_not_written_over(
    make_clip: Callable[..., Path],
) -> None:
    clip = make_clip("clip.mp4", duration_s=1, size=(96, 80), rate_hz=48000)
    edited(clip, ("vide",), [(1.0, 0.0)])
    before = clip.read_bytes()
    number = next(iter(read_edit_lists(index_of(clip, CONTAINER))))
    late = Span(Fraction(1, 2), Fraction(1), first_s=Fraction(1, 2))
    with pytest.raises(ExportError, match=r"cannot be put into the copy; choose .* in \.mkv"):
        write_edit_lists(clip, {number: late}, Fraction(0))
    assert clip.read_bytes() == before


def test_where_hidden_sound_would_be_heard_it_is_told(
    make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    clip = make_clip("clip.mp4", duration_s=4, size=(96, 80), rate_hz=48000)
    assert not any("hides" in note for note in notes(clip, tmp_path / "out.mkv"))
    edited(clip, ("soun",), [(2.0, 0.5)])
    (told,) = [note for note in notes(clip, tmp_path / "out.mkv") if "hides" in note]
    assert "of sound before the beginning of stream 1, which out.mkv will let be heard" in told
    assert not any("hides" in note for note in notes(clip, tmp_path / "out.mp4"))


def notes(clip: Path, target: Path) -> tuple[str, ...]:
    return plan_correction(probe(clip), Correction((1,), Fraction(160, 1000)), target).notes


@pytest.mark.parametrize("kinds", [("soun",), ("vide",), ("vide", "soun")])
@pytest.mark.parametrize("edits", [[(1.0, 0.0), (1.0, 2.0)], [(1.0, 2.0), (1.0, 0.0)]])
def test_a_file_put_together_from_pieces_is_refused_and_says_why(
    kinds: tuple[str, ...],
    edits: list[tuple[float, float | None]],
    make_clip: Callable[..., Path],
    tmp_path: Path,
) -> None:
    clip = make_clip("clip.mov", duration_s=4, size=(96, 80), rate_hz=48000)
    assert n_edits(index_of(clip, CONTAINER)) <= 1
    info = probe(edited(clip, kinds, edits))
    with pytest.raises(ExportError, match=r"^clip\.mov is put together from 2 pieces by an edit"):
        write_corrected(info, tmp_path / "out.mov", Correction((1,), Fraction(160, 1000)))
