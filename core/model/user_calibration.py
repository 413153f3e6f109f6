"""What `calibrate` measured of a model on the user's own clips, kept as JSON."""

import json
import math
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from core.errors import CheckpointError
from core.paths import complete_or_absent, data_dir, models_dir

FILE_NAME = "calibration.json"

RESPONSE_POINTS = 61

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class UserCalibration:
    """What was measured on clips in sync.

    Attributes:
        n_clips: How many of them were of use.
        bias_s: What the model says of a clip in sync, in seconds: to be taken off its answers.
        bias_error_s: Standard error of that.
        resolution_s: Half-width below which no interval goes.
        weights_sha256: SHA-256 of the weights that this was measured with; empty for none.
        response: (61,) what a class gets, by the distance of the truth from its centre, as in
            `core.detection.response`; empty for a model without classes.
        floor: As there.
        n_draws: As there.
        lapse: As there.
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
        numbers = (
            self.bias_s,
            self.bias_error_s,
            self.floor,
            self.n_draws,
            self.lapse,
            *self.response,
        )
        if not all(map(math.isfinite, numbers)) or self.n_clips < 1 or not self.resolution_s > 0:
            raise ValueError("a calibration has finite numbers, clips and a resolution above 0")
        if len(self.response) not in (0, RESPONSE_POINTS):
            raise ValueError(f"a response has {RESPONSE_POINTS} values, got {len(self.response)}")


def calibration_path(model_id: str) -> Path:
    """Return where the calibration of a model lies: beside its weights if it is installed."""
    folder = models_dir() / model_id
    if folder.is_dir():
        return folder / FILE_NAME
    return data_dir() / "calibration" / f"{model_id}.json"


def read_calibration(path: Path) -> UserCalibration | None:
    """Read what `write_calibration` wrote; None if there is nothing.

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
        CheckpointError: It cannot be written.
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
    """Delete a calibration; return whether there was one.

    Raises:
        CheckpointError: It cannot be deleted.
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


def _from_json(data: dict[str, Any]) -> UserCalibration:
    if data.pop("format") != _FORMAT:
        raise ValueError("it was written by another version")
    known = [field.name for field in fields(UserCalibration)]
    if unknown := sorted(set(data) - set(known)):
        raise ValueError(f"unknown entries {', '.join(unknown)}; known are {', '.join(known)}")
    return UserCalibration(**{**data, "response": tuple(map(float, data["response"]))})
