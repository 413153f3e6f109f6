"""Opens PyTorch's pickled files without running anything that they name.

The restricted unpickler of PyTorch (`weights_only=True`) admits tensors and plain containers. The
configuration objects inside published checkpoints become inert stand-ins, so that neither
OmegaConf nor any code of the file takes part. What the contents mean is left to `checkpoint`.
"""

import math
import pickle
import pickletools
import re
import struct
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

import numpy as np
import torch

from core.errors import CheckpointError
from core.model.hashing import CHUNK_BYTES
from core.progress import Monitor, Progress


class StandIn:
    """Takes the place of a foreign class: keeps what the pickle hands it and does nothing.

    Attributes:
        arguments: What the object was to be made from.
        state: What the object was to be filled with.
    """

    arguments: tuple[object, ...]
    state: object

    def __new__(cls, *arguments: object) -> "StandIn":
        made = super().__new__(cls)
        made.arguments = arguments
        made.state = None
        return made

    def __setstate__(self, state: object) -> None:
        self.state = state


def _empty_dict(*_: object) -> dict[object, object]:
    """Stand in for `collections.defaultdict`; the restricted unpickler fills plain ones only."""
    return {}


_NODES = ("Any", "Boolean", "Bytes", "Enum", "Float", "Integer", "InterpolationResult", "Path")
_INERT_NAMES = (
    "omegaconf.base.ContainerMetadata",
    "omegaconf.base.Metadata",
    "omegaconf.dictconfig.DictConfig",
    "omegaconf.listconfig.ListConfig",
    *(f"omegaconf.nodes.{node}Node" for node in (*_NODES, "String")),
    "typing.Any",
    "builtins.bool",
    "builtins.dict",
    "builtins.float",
    "builtins.int",
    "builtins.list",
    "builtins.str",
    "numpy.dtype",
    "numpy.core.multiarray.scalar",
    "numpy._core.multiarray.scalar",
)
_STAND_INS: list[Callable[..., object] | tuple[Callable[..., object], str]] = [
    *((StandIn, name) for name in _INERT_NAMES),
    (_empty_dict, "collections.defaultdict"),
]

_PROTOCOL = 2
"""The only pickle protocol that the restricted unpickler understands."""

# A damaged pickle is a program gone astray: any of these can come out of its interpreter.
_BROKEN = (
    pickle.UnpicklingError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
)


def load_pickled(path: Path, monitor: Monitor) -> object:
    """Read what `torch.save` wrote, in its present or its older layout.

    Tensors of the present layout stay in the file and are paged in when they are used.

    Raises:
        CheckpointError: The file is damaged, or it asks for anything but weights and plain data.
        Cancelled: The work is no longer wanted.
        OSError: The file cannot be read.
    """
    with path.open("rb") as stream:
        is_archive = stream.read(2) == b"PK"
        if not is_archive:
            stream.seek(0)
            _check_protocol(path, stream)
    if is_archive:
        _check_archive(path, monitor)
    try:
        with torch.serialization.safe_globals(_STAND_INS):
            return torch.load(path, map_location="cpu", weights_only=True, mmap=is_archive)
    except _BROKEN as error:
        asked_for = re.search(r"\bGLOBAL (\S+)", str(error))
        if asked_for:
            raise _refusal(path, asked_for.group(1)) from error
        raise _damage(path, str(error)) from error


def plain_data(value: object) -> object:
    """Turn what a pickle held into plain JSON data as far as it goes.

    References inside a configuration stay text; what is no data is named by its type.
    """
    if isinstance(value, StandIn):
        state = value.state if isinstance(value.state, dict) else {}
        for key in ("_content", "_val"):
            if key in state:
                return plain_data(state[key])
        return _number(value)
    if isinstance(value, Mapping):
        return {str(key): plain_data(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_data(item) for item in value]
    if isinstance(value, torch.Tensor) and value.numel() == 1:
        return plain_data(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return type(value).__name__


def _number(scalar: StandIn) -> object:
    """Decode a NumPy scalar, pickled as (dtype, little-endian bytes)."""
    match scalar.arguments:
        case (StandIn(arguments=(str(code), *_)), bytes(data)) if re.fullmatch(r"[fiu][248]", code):
            if len(data) == int(code[1]):
                return plain_data(np.frombuffer(data, f"<{code}").item())
    return "unknown"


def _check_archive(path: Path, monitor: Monitor) -> None:
    """See that the archive is one of `torch.save` and that its checksums hold.

    PyTorch itself looks at no checksum, and a mapped tensor must lie in the file uncompressed.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if any(member.compress_type != zipfile.ZIP_STORED for member in members):
                raise CheckpointError(
                    f"{path.name} is a compressed archive; unpack it and use the file inside.",
                    path=path,
                )
            programs = [m for m in members if m.filename.endswith("/data.pkl")]
            if not programs or any(m.filename.endswith("/constants.pkl") for m in members):
                raise CheckpointError(
                    f"{path.name} is an archive without model weights; choose a file that "
                    "PyTorch saved as weights.",
                    path=path,
                )
            for program in programs:
                with archive.open(program) as stream:
                    _check_protocol(path, stream)
            _check_members(archive, monitor)
    except (zipfile.BadZipFile, EOFError, RuntimeError, struct.error) as error:
        raise _damage(path, str(error)) from error


def _check_members(archive: zipfile.ZipFile, monitor: Monitor) -> None:
    n_bytes = max(1, sum(member.file_size for member in archive.infolist()))
    n_done = 0
    for member in archive.infolist():
        with archive.open(member) as stream:
            while chunk := stream.read(CHUNK_BYTES):
                monitor.check()
                n_done += len(chunk)
                monitor.report(Progress("Checking the file", n_done / n_bytes))


def _check_protocol(path: Path, stream: IO[bytes]) -> None:
    """Refuse pickles that PyTorch would not understand, naming what they ask for."""
    start = stream.read(2)
    if start == bytes((pickle.PROTO[0], _PROTOCOL)):
        return
    stream.seek(0)
    for name in _names_in(stream):
        if not name.startswith(("torch.", "collections.")):
            raise _refusal(path, name)
    raise CheckpointError(
        f"{path.name} is not a file of model weights that can be read safely; choose a file "
        "written by torch.save or a .safetensors file.",
        path=path,
        details=f"begins with {start!r}",
    )


def _names_in(stream: IO[bytes]) -> list[str]:
    """List the functions and classes a pickle asks for, without following it."""
    names: list[str] = []
    texts: list[str] = []
    try:
        for opcode, argument, _ in pickletools.genops(stream):
            if opcode.name in {"GLOBAL", "INST"}:
                names.append(str(argument).replace(" ", "."))
            elif opcode.name == "STACK_GLOBAL":
                names.append(".".join(texts[-2:]))
            elif isinstance(argument, str):
                texts.append(argument)
    except (ValueError, struct.error):
        # Not a pickle from here on; the caller refuses the file in any case.
        return names
    return names


def _refusal(path: Path, name: str) -> CheckpointError:
    return CheckpointError(
        f"{path.name} was refused because it asks for {name}, which weights do not need; nothing "
        "in it was run, get the model from a source you trust.",
        path=path,
    )


def _damage(path: Path, details: str) -> CheckpointError:
    return CheckpointError(
        f"{path.name} is damaged or incomplete; download or copy it again.",
        path=path,
        details=details,
    )
