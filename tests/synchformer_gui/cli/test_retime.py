import json

import pytest

from core.correction.plan.file_name import default_target
from core.media.probe import probe
from synchformer_gui.cli.main import main


def test_a_known_rate_error_is_repaired_by_hand(make_clip, capsys):
    clip = make_clip(duration_s=3.0)
    argv = ["correct", str(clip), "--stretch", "1001/1000", "--delay", "40", "--certificate"]
    assert main(argv) == 0

    out = capsys.readouterr().out
    assert "is encoded again, as AAC at " in out
    assert "audio made 1001/1000 times as long, then moved 40 ms later." in out
    assert "Verified: all but the audio encoded again is unchanged" in out
    target = default_target(probe(clip))
    said = json.loads(target.with_name(f"{target.name}.certificate.json").read_text())
    assert said["moves"][0]["codec"] == "aac"
    assert said["moves"][0]["bit_rate"] > 0
    assert said["correction"]["retiming"]["pieces"][0]["ratio"] == "1001/1000"
    assert said["encoded_again"][0]["largest_error_ms"] <= 1
    assert said["passed"]


def test_a_dry_run_says_what_is_encoded_again(make_clip, tmp_path, capsys):
    clip = make_clip(duration_s=2.0)
    assert main(["correct", str(clip), "--stretch", "1.001", "--keep-pitch", "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert "encoded again" in out
    assert "made 1001/1000 times as long, its pitch kept" in out
    assert list(tmp_path.iterdir()) == [clip]


@pytest.mark.parametrize(
    "options",
    [
        ["--stretch", "1001/1000", "--detect"],
        ["--stretch", "fast"],
        ["--stretch", "1/0"],
        ["--stretch", "3"],
        ["--stretch", "1"],
        ["--delay", "40", "--retime"],
        ["--delay", "40", "--keep-pitch"],
        ["--stretch", "1001/1000", "--inexact", "nearest"],
    ],
)
def test_options_that_do_not_go_together_write_nothing(make_clip, tmp_path, capsys, options):
    clip = make_clip(duration_s=2.0)
    assert main(["correct", str(clip), *options]) == 64
    assert capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [clip]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("offset_s", "said"),
    [
        (lambda time_s: 0.3 if time_s < 30 else -0.3, "moved in 2 pieces"),
        (lambda time_s: 0.1 + 0.004 * time_s, "times as long"),
    ],
)
def test_a_detected_change_is_repaired_when_asked(make_clip, capsys, offset_s, said):
    clip = make_clip(offset_s=offset_s, duration_s=60.0, rate_hz=48000)
    argv = ["correct", str(clip), "--detect"]
    assert main(argv) == 1
    out = capsys.readouterr().out
    assert "With --retime the audio would be " in out
    assert "encoded again as AAC at " in out
    assert "Nothing was written" in out
    assert not default_target(probe(clip)).exists()

    assert main([*argv, "--retime"]) == 0
    out = capsys.readouterr().out
    assert said in out
    assert "Verified" in out
    # The map has the margin of the model, 30 ms; what it makes of its own answer is in sync.
    assert main(["detect", str(default_target(probe(clip)))]) == 0
