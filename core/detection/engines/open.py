"""Opens engines: built-in or installed network, file of weights, or classical estimate."""

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
"""Published model chosen by "auto" if it is installed."""

_KINDS = {
    CheckpointKind.SYNCHABILITY: "a synchronizability model, which predicts if an"
    " offset can be found, not the offset",
    CheckpointKind.EXTRACTORS: "feature extractors of the first training stage, which alone give"
    " no offsets",
}


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """Choice of engine, device and arithmetic.

    Attributes:
        model: "auto", "builtin", "classical", an installed model's id or alias, or the path of a
            file.
        device: Device of `core.model.device.choose_device`. The built-in model is small and always
            runs on the CPU, in float32, as it was calibrated.
        precision: Precision of `core.model.device.choose_precision`.
        compile_model: Compile the network with `torch.compile` first.
        legacy_alignment: Make the audio as early as it was in the training clips of the model, due
            to samples dropped by their decoder.
        calibrated: Apply the user calibration of the model.
    """

    model: str = AUTO
    device: str = "auto"
    precision: str = "auto"
    compile_model: bool = False
    legacy_alignment: bool = True
    calibrated: bool = True


def open_engine(choice: EngineChoice, monitor: Monitor = SILENT) -> Engine:
    """Load an engine; torch is imported only for a network.

    "auto" is the published AudioSet model if it is installed, else the built-in model.

    Raises:
        CheckpointError: There is no such model, its file is damaged, or it gives no offsets.
        SyncError: The device or precision is not available.
        ValueError: Unknown name of a device or precision.
    """
    store = ModelStore(models_dir())
    name = _resolve(choice.model, store)
    if name not in (CLASSICAL, BUILTIN):
        return _open_network(choice, name, store, monitor)
    engine = ClassicalEngine() if name == CLASSICAL else _open_builtin(monitor)
    found, remark = _stored_calibration(choice)
    if remark:
        log.warning("The %s is %s; calibrate it again", engine.name, remark)
    return engine if found is None else CalibratedEngine(engine, found)


def engine_key(choice: EngineChoice, monitor: Monitor = SILENT) -> str:
    """Key of engine, weights, calibration and arithmetic, without loading a network.

    Torch is not imported. If device or precision depend on the machine, the machine is part of the
    key instead.

    Raises:
        CheckpointError: There is no such model, or its file cannot be read.
        Cancelled: The monitor asked to stop.
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
        # Files beside the weights, such as a calibration, change the answer.
        facts = _hashes(sorted(installed.folder.glob("*.json")))
    except OSError as error:
        raise CheckpointError.unreadable(path, error) from error
    return " ".join([installed.id, installed.sha256, *facts, machine])


def _hashes(paths: Sequence[Path]) -> list[str]:
    """SHA-256 of the existing files."""
    return [hash_file(path).sha256 for path in paths if path.is_file()]


@dataclass(frozen=True, slots=True)
class CalibrationPlace:
    """Place of a model's calibration.

    Attributes:
        path: Path of the file, existing or not.
        weights_sha256: SHA-256 of the model's weights; empty for the classical estimate.
    """

    path: Path
    weights_sha256: str


def calibration_place(choice: EngineChoice) -> CalibrationPlace:
    """Place of the calibration of the chosen model.

    Raises:
        CheckpointError: There is no such model, or it is a file and not installed.
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
    """Calibration to use, and a remark about an unused one."""
    if not choice.calibrated or Path(choice.model).expanduser().is_file():
        return None, ""
    place = calibration_place(choice)
    found = read_calibration(place.path)
    if found is not None and found.weights_sha256 != place.weights_sha256:
        log.warning("%s was measured with other weights", place.path)
        return None, "not calibrated: its calibration was measured with other weights"
    return found, ""


def _resolve(name: str, store: ModelStore) -> str:
    """Model chosen by "auto"; any other name unchanged."""
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
        audio_lead_s=early_s - (calibration.bias_s if calibration else 0.0),
    )


@dataclass(frozen=True, slots=True)
class _Located:
    """Weights chosen by the user: file, names, and id of the published model, if it is one."""

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
