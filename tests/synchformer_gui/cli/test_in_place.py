"""`correct --in-place` and `correct --undo` as a user types them."""

import pytest

from core.paths import undo_path, unfinished_path
from synchformer_gui.cli.exit_codes import ExitCode
from synchformer_gui.cli.in_place import typer as prompts
from synchformer_gui.cli.main import main


@pytest.fixture
def clip(make_clip):
    return make_clip("talk.mkv", duration_s=3.0, size=(96, 80))


def test_a_clip_is_corrected_in_place_and_restored(clip, capsys):
    before = clip.read_bytes()
    assert main(["correct", str(clip), "--delay", "160ms", "--in-place", "--yes"]) == 0
    out = capsys.readouterr().out
    assert f"Corrected {clip} in place: audio moved 160 ms later." in out
    assert "Verified: " in out
    assert f"correct --undo {clip} (talk.mkv.undo)" in out
    assert clip.read_bytes() != before
    assert main(["correct", "--undo", str(clip)]) == 0
    assert "bit by bit" in capsys.readouterr().out
    assert clip.read_bytes() == before


def test_it_asks_and_takes_no_for_an_answer(clip, monkeypatch, capsys):
    before = clip.read_bytes()
    asked = []

    def refuse(question, *, abort):
        asked.append(question)
        assert abort
        raise prompts.Abort

    monkeypatch.setattr(prompts, "confirm", refuse)
    assert main(["correct", str(clip), "--delay", "160ms", "--in-place"]) != 0
    assert asked
    assert "into talk.mkv itself?" in asked[0]
    assert clip.read_bytes() == before
    assert not undo_path(clip).exists()
    assert not unfinished_path(clip).exists()


def test_a_dry_run_in_place_writes_nothing(clip, capsys):
    before = clip.read_bytes()
    argv = ["correct", str(clip), "--delay", "160ms", "--in-place", "--dry-run"]
    assert main(argv) == 0
    assert "Nothing was written" in capsys.readouterr().out
    assert clip.read_bytes() == before


@pytest.mark.parametrize(
    "options",
    [["-o", "x.mkv"], ["--certificate"], ["--overwrite"], ["--no-verify"], ["--keep-times"]],
)
def test_options_of_a_copy_have_no_use_in_place(clip, options, capsys):
    argv = ["correct", str(clip), "--delay", "160ms", "--in-place", "--yes", *options]
    assert main(argv) == ExitCode.USAGE
    assert "has no use with --in-place" in capsys.readouterr().err


def test_undoing_takes_no_correction(clip, capsys):
    assert main(["correct", "--undo", str(clip), "--delay", "5"]) == ExitCode.USAGE
    assert "has no use with --undo" in capsys.readouterr().err


def test_a_half_corrected_clip_is_refused_with_the_remedy(clip, capsys):
    unfinished_path(clip).write_text("{}")
    assert main(["detect", str(clip)]) == 3
    assert "correct --undo talk.mkv" in capsys.readouterr().err


def test_a_copy_is_undone_by_its_certificate(clip, tmp_path, capsys):
    target, restored = tmp_path / "new.mkv", tmp_path / "again.mkv"
    argv = ["correct", str(clip), "--delay", "160ms", "-o", str(target), "--certificate"]
    assert main(argv) == 0
    assert main(["correct", "--undo", str(target), "-o", str(restored)]) == 0
    assert restored.read_bytes() == clip.read_bytes()
    assert main(["correct", "--undo", str(target), "-o", str(restored)]) == 3
    assert "exists already" in capsys.readouterr().err


def test_the_way_is_told_in_one_line(clip, tmp_path, capsys):
    for name, words in (
        ("a.mkv", "Patch of "),
        ("a.mp4", "Written anew, packet by packet, because .mp4 is another container."),
    ):
        assert main(["correct", str(clip), "--delay", "7", "-o", str(tmp_path / name)]) == 0
        assert words in capsys.readouterr().out
