"""Loading pickled PyTorch files without running their code.

The restricted unpickler of PyTorch (`weights_only=True`) admits tensors and plain containers. The
configuration objects inside published checkpoints become inert stand-ins, so neither OmegaConf nor
code of the file takes part. Damaged files and pickles that ask for code are refused here; the
contents are interpreted in `checkpoint`.
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
    """Inert replacement of a foreign class: stores its arguments and its state.

    Attributes:
        arguments: Arguments of the constructor.
        state: State passed to `__setstate__`.
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
    """Stand in for `collections.defaultdict`; the restricted unpickler fills plain dicts only."""
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
"""The only pickle protocol of the restricted unpickler."""

# A damaged pickle is a damaged program; its interpreter can raise any of these.
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
    """Load a file written by `torch.save`, in the archive layout or the older one.

    Tensors of the archive layout are mapped from the file and paged in on first use.

    Raises:
        CheckpointError: The file is damaged, or asks for anything but weights and plain data.
        Cancelled: The monitor cancelled the work.
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
        raise damaged(path, str(error)) from error


def plain_data(value: object) -> object:
    """Convert the content of a pickle to plain JSON data.

    References inside a configuration stay text; other objects are replaced by the name of their
    type.
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
    """Refuse an archive not written by `torch.save`, a compressed one, and wrong checksums.

    PyTorch checks no checksums, and tensors can be mapped from uncompressed members only.
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
        raise damaged(path, str(error)) from error


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
    """Refuse pickles of other protocols, naming the first foreign class or function."""
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
    """List the functions and classes named in a pickle, without running the pickle."""
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
        # Not a pickle beyond this point; the caller refuses the file in any case.
        return names
    return names


def _refusal(path: Path, name: str) -> CheckpointError:
    return CheckpointError(
        f"{path.name} was refused because it asks for {name}, and weights need no code; nothing "
        "in it was run. Get the model from a source you trust.",
        path=path,
    )


def damaged(path: Path, details: str) -> CheckpointError:
    """Error about a file cut off or altered on the way."""
    return CheckpointError(
        f"{path.name} is damaged or incomplete; download or copy it again.",
        path=path,
        details=details,
    )
