import re

import av
import pytest

from core.correction.plan.file_name import default_target
from core.media.probe import probe
from synchformer_gui.cli.main import main


def relative_start_s(path):
    """Start of the first audio packet after the first video packet, seconds."""
    starts = {}
    with av.open(str(path)) as container:
        for packet in container.demux():
            if packet.pts is not None:
                starts.setdefault(packet.stream.type, packet.pts * packet.time_base)
    return float(starts["audio"] - starts["video"])


@pytest.mark.parametrize(
    ("delay", "seconds"),
    [("160", 0.16), ("160ms", 0.16), ("0.16s", 0.16), ("4f", 0.16), ("2560sa", 0.16)],
)
def test_delays_are_understood_as_people_write_them(make_clip, capsys, delay, seconds):
    clip = make_clip(duration_s=3.0)
    assert main(["correct", str(clip), "--delay", delay]) == 0

    moved = relative_start_s(default_target(probe(clip))) - relative_start_s(clip)
    assert moved == pytest.approx(seconds, abs=0.002)
    out = capsys.readouterr().out
    assert "audio moved 160 ms later" in out
    assert "Verified" in out


def test_a_negative_delay_moves_the_audio_earlier(make_clip, tmp_path, capsys):
    target = tmp_path / "out.mkv"
    argv = ["correct", str(make_clip(duration_s=3.0)), "-o", str(target), "--delay", "-160ms"]

    assert main(argv) == 0
    assert "audio moved 160 ms earlier" in capsys.readouterr().out
    assert target.is_file()


def test_a_detected_offset_is_repaired(make_clip, capsys):
    clip = make_clip(offset_s=0.3)
    options = ["--model", "classical", "--tolerance", "bt1359-accept"]
    assert main(["correct", str(clip), "--detect", *options]) == 0
    assert main(["detect", str(default_target(probe(clip))), *options]) == 0

    assert "Out of sync" in capsys.readouterr().out


def test_a_clip_in_sync_is_left_alone(make_clip, capsys):
    clip = make_clip()
    argv = ["correct", str(clip), "--detect", "--tolerance", "bt1359-accept"]
    assert main([*argv, "--model", "classical"]) == 0

    assert "Nothing to correct" in capsys.readouterr().out
    assert not default_target(probe(clip)).exists()


@pytest.mark.slow
def test_nothing_is_written_where_the_offset_jumps(make_clip, capsys):
    clip = make_clip(offset_s=lambda time_s: 0.3 if time_s < 30 else -0.3, duration_s=60.0)
    assert main(["correct", str(clip), "--detect", "--model", "classical"]) == 1

    assert "The offset jumps" in (out := capsys.readouterr().out)
    assert "Nothing was written" in out
    assert not default_target(probe(clip)).exists()


def test_a_delay_that_was_measured_on_a_part_is_told_as_such(make_clip, capsys):
    clip = make_clip(offset_s=0.3, duration_s=8.0)
    part = ("--start", "1", "--end", "7")
    assert main(["correct", str(clip), "--detect", "--model", "classical", *part]) == 0
    out = capsys.readouterr().out
    assert "measured on the part from 00:01.000 to 00:07.000 only; it moves all" in out


def test_a_close_call_writes_nothing_and_says_what_would(make_clip, capsys):
    clip = make_clip(offset_s=0.08, duration_s=8.0)
    assert main(["correct", str(clip), "--detect", "--model", "classical"]) == 2
    said = re.search(r"Nothing was written; .* take --delay (\d+)ms", capsys.readouterr().out)
    assert said
    assert abs(int(said[1]) - 80) <= 40
    assert not default_target(probe(clip)).exists()


def test_nothing_is_written_on_a_guess(make_clip, capsys):
    clip = make_clip(silent=True, duration_s=6.0)
    assert main(["correct", str(clip), "--detect", "--model", "classical"]) == 2

    assert "Nothing was written" in capsys.readouterr().out
    assert not default_target(probe(clip)).exists()


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--delay", "160", "--detect"],
        ["--delay", "soon"],
        ["--delay", "0"],
        ["--delay", "5f", "-o", "no/such/out.mp4"],
        ["--delay", "160", "--start", "1", "--end", "2"],
        ["--delay", "160", "--model", "classical"],
        ["--delay", "160", "--no-cache"],
        ["--delay", "160", "-o", "out.mp4", "--name-template", "{name}{ext}"],
    ],
)
def test_wrong_usage_writes_nothing(make_clip, capsys, options):
    clip = make_clip(duration_s=2.0)
    assert main(["correct", str(clip), *options]) == 64

    assert capsys.readouterr().err
    assert not default_target(probe(clip)).exists()


def test_an_existing_file_is_not_replaced_unasked(make_clip, capsys):
    clip = make_clip(duration_s=3.0)
    default_target(probe(clip)).write_text("precious")
    assert main(["correct", str(clip), "--delay", "160"]) == 3

    assert "--overwrite" in capsys.readouterr().err
    assert default_target(probe(clip)).read_text() == "precious"
    assert main(["correct", str(clip), "--delay", "160", "--overwrite"]) == 0
    assert probe(default_target(probe(clip))).audios


def test_the_source_is_never_the_target(make_clip, capsys):
    clip = make_clip(duration_s=2.0)
    before = clip.read_bytes()

    assert main(["correct", str(clip), "-o", str(clip), "--delay", "160", "--overwrite"]) == 3
    assert clip.read_bytes() == before


@pytest.mark.parametrize(
    ("clip_options", "options", "phrase"),
    [
        ({"audio": False}, [], "no sound"),
        ({}, ["--audio-stream", "7"], "no audio stream 7"),
    ],
)
def test_a_stream_that_is_not_there_is_named(make_clip, capsys, clip_options, options, phrase):
    clip = make_clip(duration_s=2.0, **clip_options)
    assert main(["correct", str(clip), "--delay", "160", *options]) == 3

    assert phrase in capsys.readouterr().err
    assert not default_target(probe(clip)).exists()


@pytest.mark.parametrize("overwrite", [[], ["--overwrite"]])
def test_a_folder_as_target_is_refused(make_clip, tmp_path, monkeypatch, capsys, overwrite):
    clip = make_clip(duration_s=2.0)
    monkeypatch.chdir(tmp_path)

    assert main(["correct", str(clip), "--delay", "40", "-o", ".", *overwrite]) == 64
    assert ". is a folder; name a file in it" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [clip]


def test_the_delay_is_read_before_the_target_is_looked_at(make_clip, capsys):
    clip = make_clip(duration_s=2.0)
    default_target(probe(clip)).write_text("precious")

    assert main(["correct", str(clip), "--delay", "abc"]) == 64
    assert "abc" in capsys.readouterr().err


@pytest.mark.parametrize(("delay", "said"), [("3.3", "3.3 ms"), ("0.4ms", "0.4 ms")])
def test_the_delay_told_is_the_one_applied(make_clip, capsys, delay, said):
    clip = make_clip(duration_s=2.0)

    assert main(["correct", str(clip), "--delay", delay]) == 0
    assert f"audio moved {said} later" in capsys.readouterr().out


def test_another_container_than_that_of_the_source_is_told(make_clip, capsys):
    clip = make_clip("clip.avi", duration_s=2.0, audio_codec="libmp3lame", rate_hz=48000)

    assert main(["correct", str(clip), "--delay", "40"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(
        "AVI cannot be written with these streams; writing Matroska instead: clip.synced.mkv."
    )
    assert default_target(probe(clip)).is_file()


def test_a_container_that_cannot_be_written_is_refused_before_a_detection(
    make_clip, tmp_path, capsys
):
    clip = make_clip(duration_s=2.0)

    assert main(["correct", str(clip), "--detect", "-o", str(tmp_path / "out.avi")]) == 3
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("out.avi can be written from another AVI file only")


def test_what_a_container_cannot_hold_exactly_is_written_only_when_that_is_chosen(
    make_clip, tmp_path, capsys
):
    clip = make_clip("clip.avi", duration_s=2.0, audio_codec="libmp3lame", rate_hz=48000)
    argv = ["correct", str(clip), "--delay", "40", "-o", str(tmp_path / "out.avi")]

    assert main(argv) == 3
    assert "choose the nearest packet (8.0 ms too late)" in capsys.readouterr().err
    assert not (tmp_path / "out.avi").exists()
    assert main([*argv, "--inexact", "nearest"]) == 0
    assert "8.0 ms too late" in capsys.readouterr().out
    assert main([*argv, "--inexact", "reencode", "--overwrite"]) == 0
    assert "written as 16-bit PCM" in capsys.readouterr().out
    assert [stream.codec for stream in probe(tmp_path / "out.avi").audios] == ["pcm_s16le"]


def test_several_streams_are_moved_together(make_clip, capsys):
    clip = make_clip(duration_s=2.0, n_audio=3)
    argv = ["correct", str(clip), "--delay", "160", "--overwrite"]

    for chosen in (["all"], ["3", "1"]):
        options = [word for name in chosen for word in ("--audio-stream", name)]
        assert main([*argv, *options]) == 0
        starts_s = [stream.start_s for stream in probe(default_target(probe(clip))).audios]
        assert starts_s[0] == starts_s[2] > 0
        assert starts_s[1] == (starts_s[0] if chosen == ["all"] else 0)
    assert main([*argv, "--audio-stream", "second"]) == 64


def test_a_dry_run_says_what_would_be_done_and_writes_nothing(make_clip, tmp_path, capsys):
    clip = make_clip("clip.avi", duration_s=2.0, audio_codec="pcm_s16le")
    assert main(["correct", str(clip), "--delay", "40", "--dry-run"]) == 0

    out = capsys.readouterr().out
    assert "Note: Stream 1 of clip.avi (audio) gets 40 ms of silence" in out
    assert "adelay=640S:all=1" in out
    argv = ["correct", str(clip), "--delay", "40", "--dry-run", "-o", str(tmp_path / "out.webm")]
    assert main(argv) == 3
    assert list(tmp_path.iterdir()) == [clip]


def test_names_layout_times_and_certificate_are_as_asked(make_clip, tmp_path, capsys):
    clip = make_clip("clip DELAY -33ms.mp4", duration_s=2.0)
    argv = ["correct", str(clip), "--delay", "40", "--layout", "faststart", "--keep-times"]
    assert main([*argv, "--certificate", "--name-template", "{name}.{delay_ms}{ext}"]) == 0

    assert "Hint: The name of clip DELAY -33ms.mp4 states" in capsys.readouterr().out
    target = tmp_path / "clip.+40.mp4"
    content = target.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")
    assert target.stat().st_mtime_ns == clip.stat().st_mtime_ns
    assert target.with_name(f"{target.name}.certificate.json").is_file()


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--name-template", "{title}"], 64),
        (["--certificate", "--no-verify"], 64),
        (["--layout", "faststart", "-o", "out.mkv"], 3),
    ],
)
def test_options_that_do_not_fit_write_nothing(make_clip, tmp_path, monkeypatch, options, code):
    clip = make_clip(duration_s=2.0)
    monkeypatch.chdir(tmp_path)

    assert main(["correct", str(clip), "--delay", "40", *options]) == code
    assert list(tmp_path.iterdir()) == [clip]
