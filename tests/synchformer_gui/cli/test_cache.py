import csv
import json
import shutil

import pytest

from core.detection.serialize import detection_from_json
from synchformer_gui.cache_settings import open_cache, read_limits
from synchformer_gui.cli.main import main

CLASSICAL = ("--model", "classical")
FROM_CACHE = "--no-cache repeats the detection"


@pytest.fixture(autouse=True)
def settled(home, monkeypatch):
    """Take the code for unchanged, and the home for empty."""
    monkeypatch.setattr("core.detection.cached_detector._fingerprint_of_code", lambda: "")


@pytest.fixture
def no_engine(monkeypatch):
    """Return a function after which opening an engine fails the command."""

    def forbid():
        def fail(*_):
            raise AssertionError("an engine was opened")

        monkeypatch.setattr("synchformer_gui.cli.shared_options.open_engine", fail)

    return forbid


def test_a_clip_is_analyzed_once(make_clip, tmp_path, capsys, no_engine):
    clip = make_clip(offset_s=0.3, duration_s=6.0)
    assert main(["detect", str(clip), "--json", *CLASSICAL]) == 1
    first = capsys.readouterr()
    assert FROM_CACHE not in first.err
    no_engine()

    assert main(["detect", str(clip), "--json", *CLASSICAL]) == 1
    second = capsys.readouterr()
    assert second.out == first.out
    assert FROM_CACHE in second.err

    moved = clip.rename(tmp_path / "moved.mp4")
    assert main(["detect", str(moved), "--json", *CLASSICAL]) == 1
    assert detection_from_json(json.loads(capsys.readouterr().out)).info.path == moved

    target = tmp_path / "out.mp4"
    assert main(["correct", str(moved), "--detect", "-o", str(target), *CLASSICAL]) == 0
    assert target.is_file()
    assert FROM_CACHE in capsys.readouterr().err


def test_all_audio_streams_are_analyzed_once(make_clip, capsys, no_engine):
    argv = ["detect", str(make_clip(offset_s=0.3, duration_s=6.0)), *CLASSICAL]
    assert main([*argv, "--audio-stream", "all", "--json"]) == 1
    first = capsys.readouterr()
    assert FROM_CACHE not in first.err
    no_engine()
    assert main([*argv, "--audio-stream", "all", "--json"]) == 1
    second = capsys.readouterr()
    assert second.out == first.out
    assert FROM_CACHE in second.err
    # What is asked without naming a stream is the first one.
    assert main(argv) == 1


def test_another_option_or_no_cache_analyzes_anew(make_clip, capsys, no_engine):
    clip = str(make_clip(duration_s=2.0))
    main(["detect", clip, *CLASSICAL])
    no_engine()
    for option in (["--range", "1"], ["--no-cache"]):
        assert main(["detect", clip, *option, *CLASSICAL]) == 3
        assert "an engine was opened" in capsys.readouterr().err


def test_no_cache_keeps_nothing(make_clip, home, capsys):
    main(["detect", str(make_clip(duration_s=2.0)), "--no-cache", *CLASSICAL])
    assert not (home / "cache").exists()


def test_an_answer_without_classes_does_not_serve_where_they_are_asked_for(make_clip, capsys):
    clip = str(make_clip(duration_s=2.0))
    main(["detect", clip, *CLASSICAL])
    assert main(["detect", clip, "--top", "3", *CLASSICAL]) == 64


def test_wrong_usage_stays_wrong_usage(make_clip, capsys):
    clip = str(make_clip(duration_s=2.0))
    main(["detect", clip, *CLASSICAL])
    assert main(["detect", clip, "--device", "abacus", *CLASSICAL]) == 64


def test_a_folder_is_analyzed_once(make_clip, tmp_path, capsys, no_engine):
    folder = tmp_path / "clips"
    folder.mkdir()
    first = make_clip("clips/a.mp4", offset_s=0.3, duration_s=6.0)
    shutil.copy2(first, folder / "b.mp4")
    report = tmp_path / "report.csv"
    argv = ["check", str(folder), "--report", str(report), *CLASSICAL]

    assert main(argv) == 1
    out = capsys.readouterr().out
    assert "1 of 2: Answer from the cache" in out
    no_engine()
    assert main(argv) == 1
    out = capsys.readouterr().out
    assert "2 of 2: Answer from the cache" in out
    assert "Engine: classical estimate." in out
    with report.open(encoding="utf-8", newline="") as file:
        assert [row["name"] for row in csv.DictReader(file)] == ["a.mp4", "b.mp4"]
    assert main([*argv, "--no-cache"]) == 3


def test_the_cache_is_shown_and_cleared(make_clip, home, capsys):
    clip = str(make_clip(duration_s=2.0))
    assert main(["cache", "show"]) == 0
    assert "Answers: 0" in capsys.readouterr().out
    main(["detect", clip, *CLASSICAL])
    capsys.readouterr()

    assert main(["cache", "show"]) == 0
    out = capsys.readouterr().out
    assert "Answers: 1, 0.0 MB (at most 500 MB)" in out
    assert "at most 2.0 GB" in out
    assert str(home / "cache") in out

    assert main(["cache", "clear"]) == 0
    assert capsys.readouterr().out.startswith("Deleted 0.0 MB")
    assert open_cache().usage().answers.n_items == 0


def test_limits_are_remembered_and_kept_to(make_clip, capsys):
    main(["detect", str(make_clip(duration_s=2.0)), *CLASSICAL])
    assert main(["cache", "limit", "--answers", "0"]) == 0
    assert main(["cache", "limit", "--features", "100"]) == 0
    assert "(none are kept)" in capsys.readouterr().out
    assert (read_limits().answers_mb, read_limits().features_mb) == (0, 100)
    assert open_cache().usage().answers.n_items == 0
    assert main(["cache", "limit", "--answers", "-1"]) == 64


@pytest.mark.parametrize(
    "text", ["", "[]", '{"answers_mb": -5}', '{"colour": 1}', '{"answers_mb": "x"}']
)
def test_unusable_limits_are_the_defaults(home, text, caplog):
    (home / "cache.json").write_text(text)
    assert read_limits().answers_mb == 500
    assert "cache.json" in caplog.text
