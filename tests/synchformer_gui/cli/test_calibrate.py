import json

import pytest

from core.detection.engines.open import EngineChoice, calibration_place
from core.detection.engines.user_calibration import (
    UserCalibration,
    read_calibration,
    write_calibration,
)
from synchformer_gui.cli.main import main

PLACE = EngineChoice("classical")


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("SYNCHFORMER_HOME", str(tmp_path / "home"))


@pytest.fixture(autouse=True)
def one_offset(monkeypatch):
    # The full set takes eight detections per clip.
    monkeypatch.setattr("core.detection.calibration.trials.OFFSETS_S", (0.63,))


def test_calibrated_used_listed_and_deleted(make_clip, tmp_path, capsys):
    for number in range(5):
        make_clip(f"{number}.mp4", seed=number, offset_s=0.06, duration_s=6)
    make_clip("silent.mp4", silent=True, duration_s=6)

    assert main(["calibrate", str(tmp_path), "--model", "classical"]) == 0
    out = capsys.readouterr().out
    assert "silent.mp4  not used: " in out
    assert "Bias on 5 clips" in out
    assert "5 clips are few" in out
    found = read_calibration(calibration_place(PLACE).path)
    assert found is not None
    assert found.bias_s == pytest.approx(0.06, abs=0.04)

    main(["detect", str(tmp_path / "0.mp4"), "--model", "classical"])
    out = capsys.readouterr().out
    assert f"its bias of {1000 * found.bias_s:.0f} ms towards early audio is taken off" in out
    assert main(["calibrate", "--reset", "--model", "classical"]) == 0
    assert "Calibration deleted" in capsys.readouterr().out
    assert read_calibration(calibration_place(PLACE).path) is None
    assert main(["calibrate", "--reset", "--model", "classical"]) == 0
    assert "no calibration" in capsys.readouterr().out


def test_too_few_clips_are_refused_and_nothing_is_written(make_clip, tmp_path, capsys):
    make_clip("one.mp4", duration_s=6)
    assert main(["calibrate", str(tmp_path), "--model", "classical"]) == 3
    assert "needs at least 5 clips" in capsys.readouterr().err
    assert not calibration_place(PLACE).path.exists()


@pytest.mark.parametrize("arguments", [[], ["somewhere", "--reset"]])
def test_a_folder_or_reset_but_not_both(arguments, capsys):
    assert main(["calibrate", *arguments]) == 64
    assert "FOLDER" in capsys.readouterr().err


def test_the_list_says_what_was_measured(capsys):
    place = calibration_place(EngineChoice("builtin"))
    write_calibration(place.path, UserCalibration(24, 0.012, 0.002, 0.03, place.weights_sha256))
    assert main(["models", "list"]) == 0
    assert "calibrated on 24 clips, bias +12 ms" in capsys.readouterr().out.splitlines()[1]


def test_a_damaged_calibration_is_said(make_clip, capsys):
    place = calibration_place(PLACE)
    place.path.parent.mkdir(parents=True)
    place.path.write_text("{")
    assert main(["detect", str(make_clip(duration_s=6)), "--model", "classical"]) == 3
    assert "calibrate the model again" in capsys.readouterr().err
    place = calibration_place(EngineChoice("builtin"))
    place.path.write_text("{")
    assert main(["models", "list"]) == 0
    assert "cannot be read" in capsys.readouterr().out


def test_a_single_window_is_analyzed_as_published(make_clip, capsys):
    write_calibration(calibration_place(PLACE).path, UserCalibration(24, 0.012, 0.002, 0.03))
    clip = str(make_clip(duration_s=6))
    main(["detect", clip, "--model", "classical", "--window-start", "0", "--json"])
    document = json.loads(capsys.readouterr().out)
    assert document["config"]["shift_step_s"] == 0
    assert "calibrated" not in document["model"]
