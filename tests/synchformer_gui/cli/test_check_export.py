import csv
import json
import signal

import pytest

from core.correction.verify.verify import verify
from core.media.probe import probe
from core.workflow import export
from synchformer_gui.cli.main import main

CLASSICAL = ("--model", "classical", "--tolerance", "bt1359-accept")


@pytest.fixture
def clips(tmp_path):
    folder = tmp_path / "clips"
    (folder / "day").mkdir(parents=True)
    return folder


@pytest.fixture
def make(make_clip, clips):
    """Return a function that makes a small clip among the clips, 300 ms early unless told so."""

    def make(name, **clip):
        small = {"offset_s": 0.3, "duration_s": 8.0, "size": (160, 128), **clip}
        return make_clip(str(clips / name), **small)

    return make


def check(clips, goal, *words):
    return main(["check", str(clips), "--correct-to", str(goal), *CLASSICAL, *words])


def files(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def rows(report):
    with report.open(encoding="utf-8", newline="") as file:
        return {row["name"]: row for row in csv.DictReader(file)}


def test_clips_out_of_sync_are_corrected_into_the_same_sub_folders(
    make, make_clip, clips, tmp_path, capsys
):
    sources = [make("early.mp4"), make("day/late.mkv", offset_s=-0.4)]
    sources += [make("good.mp4", offset_s=0.0), make("silent.mp4", silent=True)]
    sources.append(make("mute.mp4", audio=False, duration_s=2.0))
    before = [(path.read_bytes(), path.stat().st_mtime_ns) for path in sources]
    goal, report = clips / "day" / "fixed", tmp_path / "report.csv"

    assert check(clips, goal, "-r", "--report", str(report)) == 3  # The mute one is no clip.
    assert files(goal) == ["day/late.synced.mkv", "early.synced.mp4"]
    assert [(path.read_bytes(), path.stat().st_mtime_ns) for path in sources] == before
    out = capsys.readouterr().out
    assert f"  Wrote {goal / 'early.synced.mp4'}: audio moved " in out
    assert out.count("  Verified: ") == 2
    assert "  Not corrected: whether it is in sync cannot be told." in out
    assert "Corrections: 2 written, 2 left alone, 1 not needed." in out
    told = rows(report)
    assert told["early.mp4"]["correction"] == "written"
    assert told["early.mp4"]["corrected_file"] == str(goal / "early.synced.mp4")
    assert float(told["early.mp4"]["moved_s"]) == pytest.approx(0.3, abs=0.05)
    assert "Verified" in told["early.mp4"]["correction_notes"]
    assert told["good.mp4"]["correction"] == "not needed"
    assert told["silent.mp4"]["correction"] == told["mute.mp4"]["correction"] == "left alone"

    # Neither are the corrected clips analyzed by the next run, nor written again.
    assert check(clips, goal, "-r", "--report", str(report)) == 3
    out = capsys.readouterr().out
    assert f"Skipping {goal}, the folder" in out
    assert "5 files: " in out
    early = goal / "early.synced.mp4"
    assert f"  {early} is there already and up to date: audio moved " in out
    assert "Corrections: 2 already there, 2 left alone, 1 not needed." in out
    told = rows(report)["early.mp4"]
    assert (told["correction"], told["corrected_file"]) == ("already there", str(early))
    assert main(["check", str(goal), "-r", *CLASSICAL]) == 0


def test_without_failures_all_corrected_is_done(make, clips, tmp_path):
    make("a.mp4")
    make("good.mp4", offset_s=0.0)
    assert main(["check", str(clips), *CLASSICAL]) == 1
    assert check(clips, tmp_path / "fixed") == 0
    assert check(clips, tmp_path / "fixed", "--overwrite") == 0


def test_a_dry_run_writes_nothing_and_finds_the_same_faults(make, clips, tmp_path, capsys):
    make("a.mp4")
    make("b.mp4")
    (tmp_path / "a.synced.mp4").touch()
    before, goal = files(tmp_path), tmp_path / "deep" / "fixed"
    assert check(clips, goal, "--dry-run") == 0
    out = capsys.readouterr().out
    assert f"  Would write {goal / 'a.synced.mp4'}: audio moved " in out
    assert "Corrections: 2 would be written." in out
    assert files(tmp_path) == before
    assert not goal.parent.exists()
    assert check(clips, goal, "--dry-run", "--name-template", "same.mp4") == 3
    assert "is the name of the corrected a.mp4 already" in capsys.readouterr().out


def test_a_name_that_two_clips_share_is_given_once(make, clips, tmp_path, capsys):
    make("a.avi", audio_codec="libmp3lame", rate_hz=48000)
    make("a.mkv")
    make("b.mkv")
    goal = tmp_path / "fixed"
    assert check(clips, goal, "--overwrite") == 3
    assert files(goal) == ["a.synced.mkv", "b.synced.mkv"]
    said = f"{goal / 'a.synced.mkv'} is the name of the corrected a.avi already"
    assert said in capsys.readouterr().out
    assert probe(goal / "a.synced.mkv").audios[0].codec.startswith("mp3")


def test_no_clip_is_ever_replaced(make, clips, tmp_path, capsys):
    (clips / "clips").mkdir()
    inner, outer = make("clips/x.mp4"), make("x.mp4", offset_s=0.0)
    before = inner.read_bytes(), outer.read_bytes()
    words = ("-r", "--overwrite", "--name-template", "{name}{ext}")
    assert check(clips, tmp_path, *words) == 3
    assert "which are never changed" in capsys.readouterr().out
    assert (inner.read_bytes(), outer.read_bytes()) == before


def test_a_clip_that_cannot_be_written_does_not_stop_the_others(make, clips, tmp_path, capsys):
    make("a.mp4")
    make("day/b.mp4")
    make("z.mp4")
    goal = tmp_path / "fixed"
    goal.mkdir()
    (goal / "day").touch()
    assert check(clips, goal, "-r") == 3
    assert files(goal) == ["a.synced.mp4", "day", "z.synced.mp4"]
    assert "Not corrected: b.synced.mp4" in capsys.readouterr().out


def test_names_layout_times_streams_and_certificates_are_as_asked(make, clips, tmp_path):
    sources = [make("a.mp4", n_audio=2), make("b.mkv", n_audio=2)]
    goal = tmp_path / "fixed"
    words = ("--layout", "faststart", "--keep-times", "--certificate", "--move-all")
    assert check(clips, goal, *words, "--name-template", "{name}{ext}") == 0
    names = ["a.mp4", "a.mp4.certificate.json", "b.mkv", "b.mkv.certificate.json"]
    assert files(goal) == names
    content = (goal / "a.mp4").read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")
    for source in sources:
        target = goal / source.name
        assert target.stat().st_mtime_ns == source.stat().st_mtime_ns
        certificate = json.loads(target.with_name(f"{target.name}.certificate.json").read_text())
        assert certificate["passed"]
        assert [move["stream"] for move in certificate["moves"]] == [1, 2]


def test_a_missing_certificate_is_told_apart(make, clips, tmp_path, capsys):
    make("a.mp4")
    goal = tmp_path / "fixed"
    (goal / "a.synced.mp4.certificate.json").mkdir(parents=True)
    assert check(clips, goal, "--certificate") == 4
    assert "the corrected file itself is complete" in capsys.readouterr().out


def test_a_certificate_is_not_replaced_unasked(make, clips, tmp_path, capsys):
    make("a.mp4")
    beside = tmp_path / "fixed" / "a.synced.mp4.certificate.json"
    beside.parent.mkdir()
    beside.write_text("precious")
    assert check(clips, tmp_path / "fixed", "--certificate") == 3
    said = f"{beside} exists already; choose another name with --name-template or add --overwrite"
    assert said in capsys.readouterr().out
    assert beside.read_text() == "precious"


@pytest.mark.parametrize("words", [["--certificate"], ["--no-verify"], ["--move-all"]])
def test_what_is_not_known_to_be_as_wanted_is_no_earlier_result(
    make, clips, tmp_path, capsys, words
):
    make("a.mp4", n_audio=2)
    assert check(clips, tmp_path / "fixed") == 0
    assert check(clips, tmp_path / "fixed", *words) == 3
    assert "exists already; choose another name" in capsys.readouterr().out


def test_another_file_is_neither_an_earlier_result_nor_replaced(make, clips, tmp_path, capsys):
    make("a.mp4")
    taken = tmp_path / "fixed" / "a.synced.mp4"
    taken.parent.mkdir()
    taken.write_text("precious")
    assert check(clips, taken.parent) == 3
    assert f"{taken} exists already; choose another name" in capsys.readouterr().out
    assert taken.read_text() == "precious"


def test_hints_are_told_and_not_applied(make, clips, tmp_path, capsys):
    make("a DELAY 70ms.mp4", offset_s=0.0)
    report = tmp_path / "report.csv"
    assert main(["check", str(clips), "--report", str(report), *CLASSICAL]) == 0
    said = "The name of a DELAY 70ms.mp4 states a delay of 70 ms; it is not applied."
    assert f"  Hint: {said}" in capsys.readouterr().out
    assert said in rows(report)["a DELAY 70ms.mp4"]["notes"]


def test_a_refusal_names_the_option_that_helps(make, clips, tmp_path, capsys):
    make("a.avi", audio_codec="libmp3lame", rate_hz=44100)
    assert check(clips, tmp_path / "fixed", "--name-template", "{name}.avi") == 3
    said = capsys.readouterr().out
    assert "Choose with --inexact nearest or --inexact reencode.\n" in said


def test_ctrl_c_leaves_what_is_finished_and_nothing_else(
    make, clips, tmp_path, monkeypatch, capsys
):
    make("a.mp4")
    make("b.mp4")
    goal, report = tmp_path / "fixed", tmp_path / "report.csv"
    written = []

    original = export.export

    def write_one(planned, monitor):
        if written:
            signal.raise_signal(signal.SIGINT)
        written.append(planned.plan)
        return original(planned, monitor)

    monkeypatch.setattr(export, "export", write_one)
    assert check(clips, goal, "--report", str(report)) == 130
    assert [p.name for p in goal.iterdir()] == ["a.synced.mp4"]
    (plan, _) = written
    assert verify(plan, plan.target).passed
    assert not report.exists()
    assert f"Wrote {goal / 'a.synced.mp4'}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        ["--correct-to", "{clips}"],
        ["--correct-to", "{clips}/a.mp4"],
        ["--retime"],
        ["--dry-run"],
        ["--correct-to", "fixed", "--name-template", "{title}"],
        ["--correct-to", "fixed", "--certificate", "--no-verify"],
        ["--correct-to", "fixed", "--keep-pitch"],
    ],
)
def test_wrong_usage_analyzes_nothing(make, clips, tmp_path, monkeypatch, capsys, words):
    make("a.mp4", duration_s=1.0)
    monkeypatch.chdir(tmp_path)
    argv = [word.format(clips=clips) if "{clips}" in word else word for word in words]
    assert main(["check", str(clips), *argv]) == 64
    shown = capsys.readouterr()
    assert shown.err
    assert shown.out == ""
    assert files(clips) == ["a.mp4"]


@pytest.mark.slow
def test_a_change_is_repaired_when_asked(make, clips, tmp_path, capsys):
    def jump(time_s):
        return 0.3 if time_s < 30 else -0.3

    make("jump.mp4", offset_s=jump, duration_s=60.0, rate_hz=48000)
    goal = tmp_path / "fixed"
    assert check(clips, goal) == 1
    assert "--retime corrects that" in capsys.readouterr().out
    assert not goal.exists()
    assert check(clips, goal, "--retime") == 0
    assert "audio moved in 2 pieces" in capsys.readouterr().out
    assert main(["check", str(goal), *CLASSICAL]) == 0
