import re
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import pytest
from av.stream import Disposition

from core.correction.compatibility.container_choice import refused_streams
from core.correction.compatibility.stream_plan import plan_streams
from core.correction.correction import Correction
from core.correction.plan.file_name import default_target
from core.errors import ExportError
from core.media.info import MediaInfo
from core.media.probe import probe
from tests.core.correction.steps import plan_correction, verify_corrected, write_corrected

pytestmark = pytest.mark.usefixtures("written_anew")

RICH_METADATA = {"title": "A film", "artist": "Somebody"}


def write_rich(source: Path, path: Path, subtitle: str) -> None:
    """Copy a clip twice over: a second sound track, subtitles, chapters, tags and a data track."""
    with av.open(str(source)) as reader, av.open(str(path), "w") as writer:
        video, audio = reader.streams.video[0], reader.streams.audio[0]
        tracks = [writer.add_stream_from_template(s, opaque=True) for s in (video, audio, audio)]
        texts = writer.add_mux_stream(subtitle)
        texts.time_base = Fraction(1, 1000)
        for track, language in zip([*tracks[1:], texts], ("deu", "fra", "eng"), strict=True):
            track.metadata["language"] = language
        tracks[2].disposition = Disposition.comment
        tracks[1].disposition = Disposition.default
        writer.metadata.update(RICH_METADATA)
        writer.set_chapters(
            [
                {
                    "id": n + 1,
                    "start": n * 2000,
                    "end": n * 2000 + 2000,
                    "time_base": Fraction(1, 1000),
                    "metadata": {"title": f"Part {n + 1}"},
                }
                for n in range(2)
            ]
        )
        for packet in list(reader.demux(video, audio)):
            if packet.size == 0:
                continue
            if packet.stream is video:
                packet.stream = tracks[0]
                writer.mux(packet)
                continue
            second = av.Packet(bytes(packet))
            second.pts, second.dts, second.time_base = packet.pts, packet.dts, packet.time_base
            second.duration, second.stream = packet.duration, tracks[2]
            packet.stream = tracks[1]
            writer.mux([packet, second])
        for n in range(2):
            text = b"Words" if subtitle == "subrip" else b"\0\5Words"
            line = av.Packet(text)
            line.pts = line.dts = 500 + n * 1000
            line.duration, line.time_base, line.stream = 800, Fraction(1, 1000), texts
            writer.mux(line)


def description(path: Path) -> dict:
    with av.open(str(path)) as container:
        return {
            "streams": [
                (s.type, s.codec_context.name, s.language, s.disposition, s.codec_context.codec_tag)
                for s in container.streams
                if s.type != "data"
            ],
            "chapters": [
                (c["metadata"]["title"], float(c["start"] * (c["time_base"] or 0)))
                for c in container.chapters()
            ],
            "metadata": {key: container.metadata.get(key.lower()) for key in RICH_METADATA}
            | {k.lower(): v for k, v in container.metadata.items() if k.lower() in RICH_METADATA},
        }


def by(info: MediaInfo, delay_ms: float) -> Correction:
    return Correction((info.audios[0].index,), Fraction(delay_ms) / 1000)


@pytest.mark.parametrize(("suffix", "subtitle"), [(".mp4", "mov_text"), (".mkv", "subrip")])
def test_tracks_texts_and_chapters_are_kept(
    suffix: str, subtitle: str, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    source = make_clip(f"plain{suffix}", duration_s=4, size=(160, 128), rotation_deg=90)
    rich = tmp_path / f"rich{suffix}"
    write_rich(source, rich, subtitle)
    info = probe(rich)
    second = Correction((info.audios[1].index,), Fraction(160, 1000))
    notes = plan_correction(info, second, default_target(info)).notes
    assert not any("left out" in note for note in notes)
    target = write_corrected(info, default_target(info), second)
    assert description(target) == description(rich)
    assert probe(target).videos[0].rotation_deg == info.videos[0].rotation_deg == 90
    assert verify_corrected(info, target, second).passed
    assert not verify_corrected(info, target, replace(second, audio_stream_indices=(1,))).passed


def test_chapters_stay_with_the_picture_when_matroska_moves_everything_up(
    make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    write_rich(make_clip("plain.mkv", duration_s=4), tmp_path / "rich.mkv", "subrip")
    info = probe(tmp_path / "rich.mkv")
    target = write_corrected(info, tmp_path / "early.mkv", by(info, -500))
    moved_s = probe(target).videos[0].start_s - info.videos[0].start_s
    assert moved_s > 0.3
    before, after = description(info.path)["chapters"], description(target)["chapters"]
    assert [start for _, start in after] == pytest.approx([s + moved_s for _, s in before])


def test_the_tag_that_quicktime_needs_is_kept(
    make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    source = make_clip("plain.mp4", duration_s=3, size=(160, 128), video_codec="libx265")
    with av.open(str(source)) as reader, av.open(str(tmp_path / "hvc1.mov"), "w") as writer:
        tracks = {}
        for stream in reader.streams:
            tracks[stream] = writer.add_stream_from_template(stream, opaque=True)
        tracks[reader.streams.video[0]].codec_context.codec_tag = "hvc1"
        for packet in reader.demux():
            if packet.size:
                packet.stream = tracks[packet.stream]
                writer.mux(packet)
    info = probe(tmp_path / "hvc1.mov")
    target = write_corrected(info, tmp_path / "target.mov", by(info, 7))
    assert description(target)["streams"][0][-1] == "hvc1"


def test_a_stream_that_the_container_cannot_carry_is_refused_before_writing(
    make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    info = probe(make_clip("flac.mkv", duration_s=2, audio_codec="flac"))
    target = tmp_path / "clip.ts"
    sentence = (
        "Stream 1 of flac.mkv (audio, flac) cannot be written to clip.ts; "
        "choose a name that ends in .mkv."
    )
    assert plan_correction(info, by(info, 160), target).refused == (sentence,)
    with pytest.raises(ExportError, match=re.escape(sentence)):
        write_corrected(info, target, by(info, 160))
    assert list(tmp_path.iterdir()) == [info.path]


@pytest.mark.parametrize(("target", "better"), [("clip.mp4", ".mov"), ("clip.ts", ".mov")])
def test_prores_is_advised_to_go_to_quicktime(target: str, better: str, tmp_path: Path) -> None:
    clip = tmp_path / "prores.mov"
    with av.open(str(clip), "w") as writer:
        stream = writer.add_stream("prores_ks", 25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv422p10le"
        writer.mux(stream.encode(av.VideoFrame(64, 64, "yuv422p10le")))
        writer.mux(stream.encode())
    with av.open(str(clip)) as reader:
        plan = plan_streams(reader, clip, tmp_path / target)
        (sentence,) = refused_streams(reader, clip, plan)
    assert sentence.endswith(f"choose a name that ends in {better}.")


@pytest.mark.parametrize("suffix", [".avi", ".mxf", ".flv", ""])
def test_containers_that_cannot_be_written_are_refused_with_advice(
    suffix: str, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    info = probe(make_clip("plain.mp4", duration_s=2))
    with pytest.raises(ExportError, match=rf"^clip{suffix} .*\.mp4\.$"):
        write_corrected(info, tmp_path / f"clip{suffix}", by(info, 160))
    assert list(tmp_path.iterdir()) == [info.path]
