"""What `correct` says is true: dry runs, movements, what stays, and checks before any work."""

import json
import re
import shutil

import pytest

from core.correction.plan.file_name import default_target
from core.detection.config import DetectionConfig
from core.detection.result import Coverage, Detection, OffsetEstimate, Opinion, Reason, Verdict
from core.detection.sync_map import MapKind, Piece, SyncMap
from core.errors import Cancelled, SyncError
from core.media.probe import probe
from core.timing import TimeSpan
from synchformer_gui.cli import shared_options
from synchformer_gui.cli.detect_options import DetectCommand
from synchformer_gui.cli.main import main

CLASSICAL = ("--model", "classical", "--tolerance", "bt1359-accept")


@pytest.fixture
def coded_avi(make_clip):
    return make_clip("clip.avi", duration_s=2.0, audio_codec="libmp3lame", rate_hz=48000)


def found_in(clip, sync_map=None, verdict=Verdict.OUT_OF_SYNC):
    estimate = OffsetEstimate(0.16, (0.13, 0.19), 0.9, 0.98, verdict, Reason.NONE, 9)
    return Detection(
        info=probe(clip),
        config=DetectionConfig(),
        opinion=Opinion("built-in model", "builtin", estimate),
        second_opinion=None,
        evidence=(),
        video_stream_index=0,
        audio_stream_index=1,
        warnings=(),
        elapsed_s=1.0,
        coverage=Coverage(()),
        sync_map=sync_map,
    )


def test_a_dry_run_refuses_what_the_real_run_refuses(make_clip, tmp_path, monkeypatch, capsys):
    clip = make_clip(duration_s=2.0)
    taken = tmp_path / "taken.mp4"
    taken.write_text("precious")
    argv = ["correct", str(clip), "--delay", "40", "-o"]
    for extra, phrase in [
        ([str(tmp_path / "out.mkv"), "--layout", "faststart"], "is one of MP4 and MOV"),
        ([str(taken)], "add --overwrite"),
        ([str(clip), "--overwrite"], "is the source itself"),
    ]:
        assert main([*argv, *extra]) == 3
        assert phrase in capsys.readouterr().err
        assert main([*argv, *extra, "--dry-run"]) == 3
        out = capsys.readouterr().out
        assert f"{phrase}" in out
        assert "would be written" not in out
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1, 1, 0))
    assert main([*argv, str(tmp_path / "out.mp4"), "--dry-run"]) == 3
    assert "free some space" in capsys.readouterr().out
    assert taken.read_text() == "precious"


def test_a_dry_run_shows_the_command_with_the_layout(make_clip, capsys):
    clip = make_clip(duration_s=2.0)
    argv = ["correct", str(clip), "--delay", "40", "--layout", "faststart", "--dry-run"]
    assert main(argv) == 0
    assert "-movflags faststart" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("delay", "inexact", "phrases"),
    [
        ("40", "nearest", ["moved 48 ms later, 8 ms later than asked", "8.0 ms too late"]),
        ("40", "reencode", ["moved 40 ms later.", "the picture is unchanged, the moved sound was"]),
        (
            "-48",
            "nearest",
            ["moved 48 ms earlier.", "but for the first 48 ms of the sound, which were"],
        ),
        ("-40", "reencode", ["decoded to PCM and lost its first 40 ms"]),
    ],
)
def test_what_is_said_of_the_new_file_is_true(coded_avi, tmp_path, capsys, delay, inexact, phrases):
    argv = ["correct", str(coded_avi), "--delay", delay, "-o", str(tmp_path / "out.avi")]
    assert main([*argv, "--inexact", inexact]) == 0
    out = capsys.readouterr().out
    assert all(phrase in out for phrase in phrases)
    assert "picture and sound are unchanged, and" not in out


def test_a_delay_of_0_may_go_with_a_stretch(make_clip, capsys):
    clip = make_clip(duration_s=2.0)
    argv = ["correct", str(clip), "--delay", "0", "--stretch", "1.001", "--dry-run"]
    assert main(argv) == 0
    assert "would be written: audio made 1001/1000 times as long.\n" in capsys.readouterr().out


def test_pieces_that_cannot_be_moved_are_no_failure_without_retime(make_clip, monkeypatch, capsys):
    clip = make_clip(duration_s=3.0)
    spans = (TimeSpan(0.0, 1.5), TimeSpan(1.5, 1.6), TimeSpan(1.6, 3.0))
    offsets = (0.2, -0.8, 0.2)
    pieces = tuple(
        Piece(span, s, s, (s - 0.01, s + 0.01), (s - 0.01, s + 0.01))
        for span, s in zip(spans, offsets, strict=True)
    )
    found = found_in(clip, SyncMap(MapKind.JUMPS, pieces))
    monkeypatch.setattr(DetectCommand, "detect", lambda *_, **__: found)
    assert main(["correct", str(clip), "--detect"]) == 1
    out = capsys.readouterr().out
    assert "--retime cannot correct this: The pieces of clip.mp4 between jumps are too short" in out
    assert "Nothing was written." in out
    assert main(["correct", str(clip), "--detect", "--retime"]) == 3


DRIFT = SyncMap(
    MapKind.DRIFT,
    (Piece(TimeSpan(0.0, 3.0), 0.02, -0.02, (0.01, 0.03), (-0.03, -0.01)),),
    -13333.0,
    (-14000.0, -13000.0),
)
JUMPS = SyncMap(
    MapKind.JUMPS,
    (
        Piece(TimeSpan(0.0, 1.5), 0.0, 0.0, (-0.01, 0.01), (-0.01, 0.01)),
        Piece(TimeSpan(1.5, 3.0), 0.2, 0.2, (0.19, 0.21), (0.19, 0.21)),
    ),
)


@pytest.mark.parametrize("words", [[], ["--retime"]])
@pytest.mark.parametrize(
    ("verdict", "code", "said"),
    [
        (Verdict.IN_SYNC, 0, "Nothing to correct, nothing was written."),
        (Verdict.CANNOT_TELL, 2, "Nothing was written, since whether it is out of sync cannot be"),
    ],
)
def test_retiming_is_offered_only_where_it_would_be_done(
    make_clip, monkeypatch, capsys, words, verdict, code, said
):
    clip = make_clip(duration_s=3.0)
    found = found_in(clip, DRIFT, verdict)
    monkeypatch.setattr(DetectCommand, "detect", lambda *_, **__: found)
    assert main(["correct", str(clip), "--detect", *words]) == code
    out = capsys.readouterr().out
    assert said in out
    assert "--retime" not in out


@pytest.mark.parametrize(
    ("sync_map", "words", "phrases"),
    [
        (JUMPS, ["--keep-pitch"], ["--keep-pitch changes nothing here"]),
        (None, ["--keep-pitch"], ["--keep-pitch changes nothing here"]),
        (DRIFT, ["--keep-pitch"], []),
        (DRIFT, ["--inexact", "nearest"], ["--inexact nearest changes nothing here"]),
        (None, ["--inexact", "nearest"], []),
    ],
)
def test_a_wish_without_use_is_told(make_clip, monkeypatch, capsys, sync_map, words, phrases):
    clip = make_clip(duration_s=3.0)
    found = found_in(clip, sync_map)
    monkeypatch.setattr(DetectCommand, "detect", lambda *_, **__: found)
    argv = ["correct", str(clip), "--detect", "--retime", "--dry-run", *words]
    assert main(argv) == 0
    said = [line for line in capsys.readouterr().out.splitlines() if "changes nothing" in line]
    assert len(said) == len(phrases)
    assert all(phrase in line for phrase, line in zip(phrases, said, strict=True))


@pytest.mark.parametrize(
    ("extra", "code"),
    [
        (["--name-template", "{delay_ms}{title}{ext}"], 64),
        (["--name-template", "{name}.{delay_ms}.mkv", "--layout", "faststart"], 3),
        (["--audio-stream", "7"], 3),
        (["-o", "out.avi"], 3),
    ],
)
def test_no_model_is_loaded_for_what_cannot_be_written(
    make_clip, tmp_path, monkeypatch, capsys, extra, code
):
    clip = make_clip(duration_s=2.0)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(shared_options, "open_engine", lambda *_: pytest.fail("a model was loaded"))
    assert main(["correct", str(clip), "--detect", "--no-cache", *extra]) == code
    assert capsys.readouterr().err


def test_a_certificate_that_cannot_be_written_is_told_apart(make_clip, capsys):
    clip = make_clip(duration_s=2.0)
    target = default_target(probe(clip))
    target.with_name(f"{target.name}.certificate.json").mkdir()
    assert main(["correct", str(clip), "--delay", "40", "--certificate"]) == 4
    shown = capsys.readouterr()
    assert "Wrote" in shown.out
    assert "Verified" in shown.out
    assert "the corrected file itself is complete" in shown.out
    assert target.is_file()


def test_a_certificate_is_part_of_what_overwrite_allows(make_clip, capsys):
    clip = make_clip(duration_s=2.0)
    target = default_target(probe(clip))
    beside = target.with_name(f"{target.name}.certificate.json")
    beside.write_text("precious")
    argv = ["correct", str(clip), "--delay", "40"]
    assert main([*argv, "--certificate"]) == 3
    assert f"{beside} exists already; choose another name with -o or" in capsys.readouterr().err
    assert beside.read_text() == "precious"
    assert not target.exists()
    assert main([*argv, "--certificate", "--overwrite"]) == 0
    assert json.loads(beside.read_text())["moved_s"] == "1/25"
    assert main(["correct", str(clip), "--delay", "-40", "--overwrite"]) == 0
    assert not beside.exists()


def test_the_new_file_is_analyzed_again_on_request(make_clip, capsys):
    clip = make_clip(offset_s=0.3)
    argv = ["correct", str(clip), "--detect", "--detect-again", "--certificate", *CLASSICAL]
    assert main(argv) == 0
    out = capsys.readouterr().out
    said = re.search(r"^Analyzed again: Audio is .* In sync by .* 90 % interval: .*", out, re.M)
    assert said
    target = default_target(probe(clip))
    certificate = json.loads((target.parent / f"{target.name}.certificate.json").read_text())
    residual = certificate["detected_again"]
    assert abs(residual["offset_s"]) < 0.07
    assert residual["interval_s"][0] <= residual["offset_s"] <= residual["interval_s"][1]
    assert (residual["verdict"], residual["engine"]) == ("in sync", "classical")


def test_a_wrong_delay_is_found_by_analyzing_again(make_clip, capsys):
    clip = make_clip(n_audio=2)
    argv = ["correct", str(clip), "--delay", "-400", "--audio-stream", "2", "--detect-again"]
    assert main([*argv, *CLASSICAL]) == 1
    # The second sound was 100 ms early, and is so by 500 ms now.
    assert re.search(
        r"Analyzed again: Audio is (4[5-9]|5[0-4])\d ms early", capsys.readouterr().out
    )
    assert default_target(probe(clip)).is_file()


def test_an_answer_that_cannot_tell_is_no_failure_but_none_is(make_clip, capsys):
    clip = make_clip(silent=True, duration_s=6.0)
    assert main(["correct", str(clip), "--delay", "40", "--detect-again", *CLASSICAL]) == 0
    assert "cannot tell (silence); the new file may be correct" in capsys.readouterr().out
    short = make_clip("short.mp4", duration_s=0.4)
    assert main(["correct", str(short), "--delay", "40", "--detect-again", *CLASSICAL]) == 4
    assert default_target(probe(short)).is_file()
    assert "could not be analyzed again: short.synced.mp4 has less" in capsys.readouterr().out


def test_an_analysis_that_is_missing_is_told_by_the_exit_code(make_clip, monkeypatch, capsys):
    def fail(*_, **__):
        raise SyncError("The model is ill.")

    clip = make_clip(duration_s=2.0)
    monkeypatch.setattr(DetectCommand, "detect_clip", fail)
    argv = ["correct", str(clip), "--delay", "40", "--detect-again", "--certificate", *CLASSICAL]
    assert main(argv) == 4
    out = capsys.readouterr().out
    assert out.count("Wrote ") == out.count("Verified: ") == 1
    assert "could not be analyzed again: The model is ill." in out
    assert "Certificate: " in out


def test_a_fault_of_the_program_does_not_hide_the_file(make_clip, monkeypatch, capsys):
    def fail(*_, **__):
        raise RuntimeError("CUDA out of memory")

    clip = make_clip(duration_s=2.0)
    monkeypatch.setattr(DetectCommand, "detect_clip", fail)
    argv = ["correct", str(clip), "--delay", "40", "--detect-again", "--certificate", *CLASSICAL]
    assert main(argv) == 3
    shown = capsys.readouterr()
    target = default_target(probe(clip))
    assert f"Wrote {target}: audio moved 40 ms later." in shown.out
    assert "Verified: " in shown.out
    assert f"{target} is complete; it was not analyzed again and has no certificate." in shown.out
    assert "CUDA out of memory" in shown.err


def test_a_missing_certificate_outweighs_what_analyzing_again_finds(make_clip, monkeypatch):
    clip = make_clip(duration_s=2.0)
    target = default_target(probe(clip))
    target.with_name(f"{target.name}.certificate.json").mkdir()
    found = found_in(clip)
    monkeypatch.setattr(DetectCommand, "detect_clip", lambda *_, **__: found)
    argv = ["correct", str(clip), "--delay", "40", "--detect-again"]
    assert main(argv) == 1
    assert main([*argv, "--certificate", "--overwrite"]) == 4


def test_stopping_the_second_analysis_says_that_the_file_is_there(make_clip, monkeypatch, capsys):
    def stop(*_, **__):
        raise Cancelled

    clip = make_clip(duration_s=2.0)
    monkeypatch.setattr(DetectCommand, "detect_clip", stop)
    assert main(["correct", str(clip), "--delay", "40", "--detect-again", *CLASSICAL]) == 130
    target = default_target(probe(clip))
    assert f"{target} is complete" in capsys.readouterr().out
    assert probe(target).audios


@pytest.mark.parametrize(
    ("option", "value", "code"),
    [
        ("--model", "nobody", 3),
        ("--device", "nope", 64),
        ("--device", "cuda:99", 3),
        ("--precision", "nope", 64),
        ("--start", "50", 3),
    ],
)
def test_what_cannot_be_analyzed_again_is_told_before_anything_is_written(
    make_clip, capsys, option, value, code
):
    clip = make_clip(duration_s=2.0)
    target = default_target(probe(clip))
    target.write_text("precious")
    argv = ["correct", str(clip), "--delay", "40", "--detect-again", "--overwrite", option, value]
    assert main(argv) == code
    assert capsys.readouterr().err
    assert target.read_text() == "precious"
