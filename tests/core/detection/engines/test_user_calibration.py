import json
import math
from pathlib import Path

import pytest

from core.detection.engines.user_calibration import (
    RESPONSE_POINTS,
    UserCalibration,
    calibration_path,
    forget_calibration,
    read_calibration,
    write_calibration,
)
from core.errors import CheckpointError
from core.paths import models_dir

FOUND = UserCalibration(12, 0.012, 0.003, 0.03, "ab", (0.5,) * RESPONSE_POINTS, 0.1, 2.0, 0.05)


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNCHFORMER_HOME", str(tmp_path / "home"))


def test_what_was_written_is_read() -> None:
    path = calibration_path("builtin")
    assert read_calibration(path) is None
    write_calibration(path, FOUND)
    assert read_calibration(path) == FOUND
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    assert forget_calibration(path)
    assert not forget_calibration(path)


def test_a_calibration_lies_beside_the_weights_of_an_installed_model() -> None:
    (models_dir() / "mine").mkdir(parents=True)
    assert calibration_path("mine").parent == models_dir() / "mine"
    assert models_dir() not in calibration_path("builtin").parents


@pytest.mark.parametrize(
    "text",
    ["", "[]", "null", "{}", '{"format": 1, "n_clips": 3}', '{"format": 2, "n_clips": 3}', "\x00"],
)
def test_an_unreadable_file_is_a_sentence(tmp_path: Path, text: str) -> None:
    path = tmp_path / "calibration.json"
    path.write_text(text)
    with pytest.raises(CheckpointError, match="calibrate the model again") as caught:
        read_calibration(path)
    assert str(path) in caught.value.message


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("bias_s", math.nan),
        ("bias_s", 1e9),
        ("resolution_s", math.inf),
        ("n_draws", 0.0),
        ("floor", 1.5),
        ("lapse", 0.0),
        ("response", [0.0] * RESPONSE_POINTS),
        ("response", [math.nan] * RESPONSE_POINTS),
    ],
)
def test_impossible_numbers_are_refused(
    tmp_path: Path, name: str, number: float | list[float]
) -> None:
    path = tmp_path / "calibration.json"
    write_calibration(path, FOUND)
    path.write_text(json.dumps({**json.loads(path.read_text()), name: number}))
    with pytest.raises(CheckpointError):
        read_calibration(path)


def test_a_place_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match="cannot be written"):
        write_calibration(tmp_path / "file" / "calibration.json", FOUND)
