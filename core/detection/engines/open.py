"""Opens what answers: built-in or installed network, file of weights, or classical estimate."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.detection.engines.base import Engine
from core.detection.engines.calibrated import CalibratedEngine, bias_text
from core.detection.engines.classical import ClassicalEngine
from core.detection.engines.user_calibration import (
    UserCalibration,
    calibration_path,
    read_calibration,
)
from core.errors import CheckpointError
from core.model.checkpoints.kind import CheckpointKind
from core.model.device_fingerprint import machine_fingerprint
from core.model.hashing import hash_file
from core.model.store.catalog import (
    AUTO,
    BUILTIN,
    CLASSICAL,
    entry,
    entry_for_md5,
    training_audio_early_s,
)
from core.model.store.store import ModelStore
from core.paths import builtin_weights, models_dir
from core.progress import SILENT, Monitor, Progress, Unreported

log = logging.getLogger(__name__)

PREFERRED = "audioset"
"""The published model that "auto" takes where it is installed."""

_KINDS = {
    CheckpointKind.SYNCHABILITY: "a synchronizability model, which tells whether an offset can be"
    " found but not which",
    CheckpointKind.EXTRACTORS: "feature extractors of the first training stage, which alone cannot"
    " tell an offset",
}


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """Which engine, and how it is to calculate.

    Attributes:
        model: "auto", "builtin", "classical", an installed model's id or alias, or the path of a
            file.
        device: As `core.model.device.choose_device` takes it; the built-in model is small and
            always runs on the CPU, in float32, as it was calibrated.
        precision: As `core.model.device.choose_precision` takes it.
        compile_model: Let `torch.compile` translate the network first.
        legacy_alignment: Where the sound of a model's training clips was early by what their
            decoder dropped, make the sound that it judges early by as much.
        calibrated: Use what `calibrate` measured of the model.
    """

    model: str = AUTO
    device: str = "auto"
    precision: str = "auto"
    compile_model: bool = False
    legacy_alignment: bool = True
    calibrated: bool = True


def open_engine(choice: EngineChoice, monitor: Monitor = SILENT) -> Engine:
    """Load an engine; torch is imported only if a network is wanted.

    "auto" is the published AudioSet model if it is installed, else the built-in model.

    Raises:
        CheckpointError: There is no such model, its file is damaged, or it cannot tell offsets.
        SyncError: The device or precision asked for is not there.
        ValueError: No such name of a device or precision.
    """
    store = ModelStore(models_dir())
    name = _resolve(choice.model, store)
    if name == CLASSICAL:
        return _calibrated(ClassicalEngine(), choice)
    if name == BUILTIN:
        return _calibrated(_open_builtin(monitor), choice)
    return _open_network(choice, name, store, monitor)


def engine_key(choice: EngineChoice, monitor: Monitor = SILENT) -> str:
    """Return who would answer, with which weights and calibration, and how it would calculate.

    No network is loaded, and torch is not imported: where the machine decides about device or
    precision, it is described instead.

    Raises:
        CheckpointError: There is no such model, or its file cannot be read.
        Cancelled: The work is no longer wanted.
    """
    store = ModelStore(models_dir())
    name = _resolve(choice.model, store)
    calibration = calibration_path(name)
    if name == CLASSICAL:
        return " ".join([CLASSICAL, *_hashes([calibration])])
    path = _builtin_path() if name == BUILTIN else Path(name).expanduser()
    machine = machine_fingerprint() if AUTO in (choice.device, choice.precision) else ""
    try:
        if path.is_file():
            sha256 = hash_file(path, Unreported(monitor)).sha256
            also = _hashes([calibration]) if name == BUILTIN else [machine]
            return " ".join([path.name, sha256, *also])
        installed = store.find(name)
        # What lies beside the weights, such as a calibration, has its say in the answer.
        facts = _hashes(sorted(installed.folder.glob("*.json")))
    except OSError as error:
        raise CheckpointError.unreadable(path, error) from error
    return " ".join([installed.id, installed.sha256, *facts, machine])


def _hashes(paths: Sequence[Path]) -> list[str]:
    """Return the fingerprints of those files that exist."""
    return [hash_file(path).sha256 for path in paths if path.is_file()]


@dataclass(frozen=True, slots=True)
class CalibrationPlace:
    """Where the calibration of a model belongs, and by which weights it is known again.

    Attributes:
        path: The file, whether it exists or not.
        weights_sha256: Empty for the classical estimate.
    """

    path: Path
    weights_sha256: str


def calibration_place(choice: EngineChoice) -> CalibrationPlace:
    """Return where the calibration of the model that is meant belongs.

    Raises:
        CheckpointError: There is no such model, or it is a file that is not installed.
    """
    store = ModelStore(models_dir())
    name = _resolve(choice.model, store)
    if name == CLASSICAL:
        return CalibrationPlace(calibration_path(name), "")
    if name == BUILTIN:
        return CalibrationPlace(calibration_path(name), hash_file(_builtin_path()).sha256)
    path = Path(name).expanduser()
    if path.is_file():
        raise CheckpointError(
            f"A calibration is kept beside an installed model; install {path} first with:"
            " synchformer-gui models import FILE",
            path=path,
        )
    installed = store.find(name)
    return CalibrationPlace(calibration_path(installed.id), installed.sha256)


def _stored_calibration(choice: EngineChoice) -> tuple[UserCalibration | None, str]:
    """Return the calibration to use, and words on one that is not used."""
    if not choice.calibrated or Path(choice.model).expanduser().is_file():
        return None, ""
    place = calibration_place(choice)
    found = read_calibration(place.path)
    if found is not None and found.weights_sha256 != place.weights_sha256:
        log.warning("%s was measured with other weights", place.path)
        return None, "not calibrated: its calibration was measured with other weights"
    return found, ""


def _calibrated(engine: Engine, choice: EngineChoice) -> Engine:
    found, remark = _stored_calibration(choice)
    if remark:
        log.warning("The %s is %s; calibrate it again", engine.name, remark)
    return engine if found is None else CalibratedEngine(engine, found)


def _resolve(name: str, store: ModelStore) -> str:
    """Return which model "auto" stands for, any other name as it is."""
    if name != AUTO:
        return name
    published = entry(PREFERRED).id
    return published if any(model.id == published for model in store.installed()) else BUILTIN


def _builtin_path() -> Path:
    try:
        return builtin_weights()
    except FileNotFoundError as error:
        raise CheckpointError(
            "The built-in model is missing; install the application again.", details=str(error)
        ) from error


def _open_builtin(monitor: Monitor) -> Engine:
    monitor.report(Progress("Loading the built-in model"))

    from core.detection.engines.lag import LagEngine
    from core.model.builtin.file import read_builtin

    return LagEngine(read_builtin(_builtin_path()))


def _open_network(choice: EngineChoice, name: str, store: ModelStore, monitor: Monitor) -> Engine:
    found = _locate(name, store, monitor)
    path, title = found.path, found.title
    calibration, remark = _stored_calibration(choice)
    training_early_s = training_audio_early_s(found.published_id)
    if training_early_s and not choice.legacy_alignment and calibration:
        # Its bias was measured with the alignment.
        calibration, remark = None, "not calibrated without the alignment of its training"
    monitor.report(Progress(f"Loading {title}"))

    import torch

    from core.detection.engines.synchformer.class_response import response_of
    from core.detection.engines.synchformer.engine import SynchformerEngine
    from core.model.checkpoints.build import build_synchformer
    from core.model.checkpoints.checkpoint import read_checkpoint
    from core.model.device import choose_device, choose_precision, segments_per_batch

    device = choose_device(choice.device)
    dtype = choose_precision(choice.precision, device)
    is_reduced = dtype.itemsize < torch.float32.itemsize
    checkpoint = read_checkpoint(path, monitor)
    _require_sync(checkpoint.kind, title, path)
    monitor.check()
    model = build_synchformer(
        checkpoint, device=device, dtype=dtype, compile_blocks=choice.compile_model
    )
    early_s = training_early_s if choice.legacy_alignment else 0.0
    remarks = [
        f"in {str(dtype).removeprefix('torch.')}" if is_reduced else "",
        f"hears the sound {1000 * early_s:g} ms early, as in its training" if early_s else "",
        bias_text(calibration.bias_s) if calibration else remark,
    ]
    said = "; ".join(filter(None, remarks))
    return SynchformerEngine(
        model,
        f"{title} ({said})" if said else title,
        found.model_id,
        device,
        dtype,
        segments_per_batch(device, dtype),
        response=response_of(calibration),
        lead_s=early_s - (calibration.bias_s if calibration else 0.0),
    )


@dataclass(frozen=True, slots=True)
class _Located:
    """Weights that a user named: their file, its names, and which published model it is."""

    path: Path
    title: str
    model_id: str
    published_id: str


def _locate(name: str, store: ModelStore, monitor: Monitor) -> _Located:
    path = Path(name).expanduser()
    if path.is_file():
        try:
            published = entry_for_md5(hash_file(path, monitor).md5)
        except OSError as error:
            raise CheckpointError.unreadable(path, error) from error
        if published is None:
            return _Located(path, path.name, path.name, "")
        return _Located(path, published.title, path.name, published.id)
    installed = store.find(name)
    _require_sync(installed.kind, installed.title, installed.weights_path)
    return _Located(installed.weights_path, installed.title, installed.id, installed.published_id)


def _require_sync(kind: CheckpointKind, title: str, path: Path) -> None:
    if kind is not CheckpointKind.SYNC:
        raise CheckpointError(
            f"{title} holds {_KINDS[kind]}; choose a synchronization model.", path=path
        )
