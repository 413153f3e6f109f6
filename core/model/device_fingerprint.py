"""What decides which device and precision "auto" stands for, found out without torch.

`core.model.device` decides; here is what lets one tell that it may decide otherwise.
"""

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_CPU_FLAGS = frozenset({"avx512_bf16", "amx_bf16"})
_GPU_FILES = ("nvidia[0-9]*", "nvidiactl", "kfd", "dxg", "dri/renderD*")
_GPU_LIBRARIES = ("nvcuda.dll", "amdhip64.dll")
_GPU_VARIABLES = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES")


def machine_facts() -> str:
    """Return a text that differs wherever "auto" may mean another device or precision.

    It names the build of torch, the kind of CPU, the GPUs and the variables that hide them.
    """
    try:
        torch_version = version("torch")
    except PackageNotFoundError:
        # In a bundle, whose own version says which torch it has.
        torch_version = ""
    variables = [f"{name}={os.environ[name]}" for name in _GPU_VARIABLES if name in os.environ]
    return " ".join([torch_version, sys.platform, _cpu(), *_gpus(), *variables])


def _cpu(described: Path = Path("/proc/cpuinfo")) -> str:
    """Return which instructions for short numbers there are, or the model where none are listed."""
    try:
        with described.open(encoding="utf-8", errors="replace") as lines:
            flags = next((line for line in lines if line.startswith("flags")), "")
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    return ",".join([platform.machine(), *sorted(_CPU_FLAGS.intersection(flags.split()))])


def _gpus(devices: Path = Path("/dev")) -> list[str]:
    """Return what the drivers of GPUs put on the system."""
    if sys.platform == "win32":
        folder = Path(os.environ.get("SYSTEMROOT", "C:/Windows"), "System32")
        return [name for name in _GPU_LIBRARIES if (folder / name).exists()]
    found = (path for pattern in _GPU_FILES for path in devices.glob(pattern))
    return sorted(path.relative_to(devices).as_posix() for path in found)
