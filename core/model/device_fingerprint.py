"""Fingerprint of the machine, made without torch: build of torch, CPU, GPUs, environment.

`core.model.device` resolves "auto" to a device and a precision. While the fingerprint is the same,
so is the resolution.
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


def machine_fingerprint() -> str:
    """Fingerprint of everything that device and precision "auto" depend on.

    Names the build of torch, the CPU, the GPUs and the environment variables that hide GPUs.
    """
    try:
        torch_version = version("torch")
    except PackageNotFoundError:
        # In a bundle; its own version determines that of torch.
        torch_version = ""
    variables = [f"{name}={os.environ[name]}" for name in _GPU_VARIABLES if name in os.environ]
    return " ".join([torch_version, sys.platform, _cpu(), *_gpus(), *variables])


def _cpu(described: Path = Path("/proc/cpuinfo")) -> str:
    """List the bfloat16 instructions of the CPU, or its model if the system lists none."""
    try:
        with described.open(encoding="utf-8", errors="replace") as lines:
            flags = next((line for line in lines if line.startswith("flags")), "")
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    return ",".join([platform.machine(), *sorted(_CPU_FLAGS.intersection(flags.split()))])


def _gpus(devices: Path = Path("/dev")) -> list[str]:
    """List device files and libraries installed by GPU drivers."""
    if sys.platform == "win32":
        folder = Path(os.environ.get("SYSTEMROOT", "C:/Windows"), "System32")
        return [name for name in _GPU_LIBRARIES if (folder / name).exists()]
    found = (path for pattern in _GPU_FILES for path in devices.glob(pattern))
    return sorted(path.relative_to(devices).as_posix() for path in found)
