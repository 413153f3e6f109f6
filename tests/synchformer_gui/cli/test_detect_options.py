import json
import re

import pytest
import typer

from core.detection.config import DetectionConfig
from synchformer_gui.cli.detect_options import DetectOptions
from synchformer_gui.cli.main import main

CLASSICAL = ("--model", "classical", "--no-cache")


@pytest.mark.parametrize(
    ("text", "found_s"),
    [("83.5", 83.5), ("30s", 30.0), ("1:23.5", 83.5), ("1:02:03", 3723.0), (None, None)],
)
def test_times_are_read_as_people_write_them(text, found_s):
    assert DetectOptions(end=text).config().end_s == found_s


@pytest.mark.parametrize("text", ["soon", "-3", "1:2:3:4", "5ms", ""])
def test_what_is_no_time_is_wrong_usage(text):
    with pytest.raises(typer.BadParameter, match="not a time"):
        DetectOptions(start=text).config()


@pytest.mark.parametrize(("text", "until_s"), [("20ms", 0.02), ("0.02s", 0.02), ("0", None)])
def test_a_margin_ends_haste(text, until_s):
    config = DetectOptions(until=text).config()
    assert (config.until_s, config.stops_early) == (until_s, False)


def test_without_a_word_long_clips_are_left_early_and_the_core_analyzes_everything():
    assert DetectOptions().config().stops_early
    assert not DetectionConfig().stops_early


@pytest.mark.parametrize(
    "wrong",
    [
        ("--until", "wide"),
        ("--until", "-20ms"),
        ("--until", "31s"),
        ("--budget", "0"),
        ("--budget", "999:00:00"),
        ("--start", "999:00:00"),
        ("--end", "3", "--start", "5"),
        ("--end", "0"),
        ("--window-start", "1", "--end", "3"),
        ("--window-start", "-1"),
        ("--hop", "0.1"),
        ("--range", "31"),
        ("--crop", "left"),
        ("--simulate-offset", "31"),
        ("--tolerance", "none"),
        ("--audio-stream", "both"),
        ("--plot", "x.png", "--audio-stream", "all"),
    ],
)
def test_options_that_mean_nothing_are_wrong_usage_and_named(make_clip, capsys, wrong):
    assert main(["detect", str(make_clip(duration_s=2.0)), *CLASSICAL, *wrong]) == 64
    out, err = capsys.readouterr()
    assert out == ""
    assert re.match(rf"Invalid value for '?{wrong[0]}'?: ", err), err


def test_a_part_is_analyzed_and_named(make_clip, capsys):
    clip = str(make_clip(offset_s=0.3, duration_s=9.0))
    assert main(["detect", clip, *CLASSICAL, "--start", "0:01", "--end", "8"]) == 1

    out = capsys.readouterr().out
    assert "Analyzed only the part from 00:01.000 to 00:08.000." in out
    assert "ms early" in out


def test_a_spent_time_is_told(long_clip, capsys):
    main(["detect", str(long_clip), *CLASSICAL, "--budget", "0.01s"])
    assert "of 1:00; stopped at the time limit." in capsys.readouterr().out


def test_all_audio_streams_are_a_list(make_clip, capsys):
    clip = str(make_clip(offset_s=0.3, duration_s=8.0))
    assert main(["detect", clip, *CLASSICAL, "--audio-stream", "all", "--json"]) == 1
    (document,) = json.loads(capsys.readouterr().out)
    assert document["audio_stream_index"] == 1
    assert main(["detect", clip, *CLASSICAL, "--audio-stream", "all"]) == 1
    out, err = capsys.readouterr()
    assert "Audio stream 1 (1 of 1):" in out
    assert "cache" not in err
