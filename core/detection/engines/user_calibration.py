"""Calibration of an engine on the user's own clips, kept as JSON."""

import json
import math
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from core.errors import CheckpointError
from core.paths import complete_or_absent, data_dir, models_dir

FILE_NAME = "calibration.json"

RESPONSE_POINTS = 61

MOST_BIAS_S = 4.0
"""Largest bias, either way: known offsets and estimates lie within 2 s each."""

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class UserCalibration:
    """Calibration measured on clips in sync.

    `response`, `floor`, `n_draws` and `lapse` are fields of
    `core.detection.engines.synchformer.class_response.ClassResponse`.

    Attributes:
        n_clips: Number of usable clips.
        bias_s: Mean offset found in clips in sync, in seconds; subtracted from estimates.
        bias_error_s: Standard error of the bias.
        resolution_s: Smallest half-width of an interval.
        weights_sha256: SHA-256 of the weights measured; empty for an engine without weights.
        response: (61,) response curve; empty for an engine without classes.
        floor: Share of an answer spread over all classes.
        n_draws: Worth of the answers of one window, in draws.
        lapse: Probability of a misleading window.
    """

    n_clips: int
    bias_s: float
    bias_error_s: float
    resolution_s: float
    weights_sha256: str = ""
    response: tuple[float, ...] = ()
    floor: float = 1.0
    n_draws: float = 1.0
    lapse: float = 1.0

    def __post_init__(self) -> None:
        if self.n_clips < 1:
            raise ValueError(f"a calibration is made of 1 clip or more, got {self.n_clips}")
        if not abs(self.bias_s) <= MOST_BIAS_S or not 0 <= self.bias_error_s < math.inf:
            raise ValueError(
                f"a bias is up to {MOST_BIAS_S} s and has a finite error, got {self.bias_s} and"
                f" {self.bias_error_s}"
            )
        for name in ("resolution_s", "n_draws"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} is above 0 and finite, got {getattr(self, name)}")
        for name in ("floor", "lapse"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(f"{name} is above 0 to 1, got {getattr(self, name)}")
        if len(self.response) not in (0, RESPONSE_POINTS):
            raise ValueError(f"a response has {RESPONSE_POINTS} values, got {len(self.response)}")
        if self.response and not (min(self.response) >= 0 and 0 < sum(self.response) < math.inf):
            raise ValueError("the values of a response are 0 or more, finite and not all 0")


def calibration_path(model_id: str) -> Path:
    """Path of the calibration of a model: beside its weights if the model is installed."""
    folder = models_dir() / model_id
    if folder.is_dir():
        return folder / FILE_NAME
    return data_dir() / "calibration" / f"{model_id}.json"


def read_calibration(path: Path) -> UserCalibration | None:
    """Read the file of `write_calibration`; None if there is no file.

    Raises:
        CheckpointError: The file is damaged, or was written by another version.
    """
    try:
        return _from_json(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            f"{path} does not hold a calibration that this version can read; calibrate the model"
            " again, or forget it with: synchformer-gui calibrate --reset",
            path=path,
            details=f"{type(error).__name__}: {error}",
        ) from error


def write_calibration(path: Path, calibration: UserCalibration) -> None:
    """Write a calibration; the file is complete or absent.

    Raises:
        CheckpointError: The file cannot be written.
    """
    text = json.dumps({"format": _FORMAT, **asdict(calibration)}, indent=2, allow_nan=False)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with complete_or_absent(path) as partial:
            partial.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise CheckpointError(
            f"{path} cannot be written ({error.strerror}); check that you may write there and that"
            " the disk is not full.",
            path=path,
        ) from error


def forget_calibration(path: Path) -> bool:
    """Delete a calibration; True if there was one.

    Raises:
        CheckpointError: The file cannot be deleted.
    """
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise CheckpointError(
            f"{path} cannot be deleted ({error.strerror}); check that you may write there.",
            path=path,
        ) from error
    return True


def _from_json(data: Any) -> UserCalibration:
    if not isinstance(data, dict) or data.pop("format") != _FORMAT:
        raise ValueError("it was written by another version")
    known = [field.name for field in fields(UserCalibration)]
    if unknown := sorted(set(data) - set(known)):
        raise ValueError(f"unknown entries {', '.join(unknown)}; known are {', '.join(known)}")
    return UserCalibration(**{**data, "response": tuple(map(float, data["response"]))})
