"""Opens what answers: built-in or installed network, file of weights, or classical estimate."""

from dataclasses import dataclass
from pathlib import Path

from core.detection.classical import ClassicalEngine
from core.detection.engine import Engine
from core.errors import CheckpointError
from core.model.catalog import entry
from core.model.kind import CheckpointKind
from core.model.store import ModelStore
from core.paths import builtin_weights, models_dir
from core.progress import SILENT, Monitor, Progress

AUTO = "auto"
BUILTIN = "builtin"
CLASSICAL = "classical"
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
    """

    model: str = AUTO
    device: str = "auto"
    precision: str = "auto"
    compile_model: bool = False


def open_engine(choice: EngineChoice, monitor: Monitor = SILENT) -> Engine:
    """Load an engine; torch is imported only if a network is wanted.

    "auto" is the published AudioSet model if it is installed, else the built-in model.

    Raises:
        CheckpointError: There is no such model, its file is damaged, or it cannot tell offsets.
        SyncError: The device or precision asked for is not there.
        ValueError: No such name of a device or precision.
    """
    if choice.model == CLASSICAL:
        return ClassicalEngine()
    if choice.model == BUILTIN:
        return _open_builtin(monitor)
    store = ModelStore(models_dir())
    if choice.model == AUTO:
        published = entry(PREFERRED).id
        if all(model.id != published for model in store.installed()):
            return _open_builtin(monitor)
        return _open_network(choice, published, store, monitor)
    return _open_network(choice, choice.model, store, monitor)


def _open_builtin(monitor: Monitor) -> Engine:
    monitor.report(Progress("Loading the built-in model"))

    from core.detection.lag_engine import LagEngine
    from core.model.builtin import read_builtin

    try:
        path = builtin_weights()
    except FileNotFoundError as error:
        raise CheckpointError(
            "The built-in model is missing; install the application again.", details=str(error)
        ) from error
    return LagEngine(read_builtin(path))


def _open_network(choice: EngineChoice, name: str, store: ModelStore, monitor: Monitor) -> Engine:
    path, title, model_id = _locate(name, store)
    monitor.report(Progress(f"Loading {title}"))

    import torch

    from core.detection.features import SynchformerEngine
    from core.model.build import build_synchformer
    from core.model.checkpoint import read_checkpoint
    from core.model.device import choose_device, choose_precision, segments_per_batch

    device = choose_device(choice.device)
    dtype = choose_precision(choice.precision, device)
    is_reduced = dtype.itemsize < torch.float32.itemsize
    name = f"{title} (in {str(dtype).removeprefix('torch.')})" if is_reduced else title
    checkpoint = read_checkpoint(path, monitor)
    _require_sync(checkpoint.kind, title, path)
    monitor.check()
    model = build_synchformer(
        checkpoint, device=device, dtype=dtype, compile_blocks=choice.compile_model
    )
    batch_size = segments_per_batch(device, dtype)
    return SynchformerEngine(model, name, model_id, device, dtype, batch_size)


def _locate(name: str, store: ModelStore) -> tuple[Path, str, str]:
    """Return the file of weights, the title and the id of a model or file that a user named."""
    path = Path(name).expanduser()
    if path.is_file():
        return path, path.name, path.name
    installed = store.find(name)
    _require_sync(installed.kind, installed.title, installed.weights_path)
    return installed.weights_path, installed.title, installed.id


def _require_sync(kind: CheckpointKind, title: str, path: Path) -> None:
    if kind is not CheckpointKind.SYNC:
        raise CheckpointError(
            f"{title} holds {_KINDS[kind]}; choose a synchronization model.", path=path
        )
