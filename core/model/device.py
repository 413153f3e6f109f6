"""Device, precision and batch size of the networks."""

import re

import torch

from core.errors import SyncError

DEVICES = ("auto", "cpu", "cuda", "cuda:N", "mps")
"""Device names on offer; a GPU under ROCm is called cuda, as in PyTorch."""

PRECISIONS = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}
"""Precision names on offer besides "auto"."""

MAX_SEGMENTS = 28
"""Most segments in a call, regardless of memory: larger calls gain nothing."""

# Each visual segment takes 80 MB in float32 on the CPU (tests/benchmarks/model_speed.py). A quarter
# is added for memory lost to the allocator.
_SEGMENT_BYTES = 80_000_000 * 5 // 4


class DeviceError(SyncError):
    """The requested device or precision is not available on this machine."""


def choose_device(name: str = "auto") -> torch.device:
    """Choose a device by name, or the fastest one available.

    Args:
        name: One of `DEVICES`, N being the number of a GPU.

    Raises:
        ValueError: The name is unknown.
        DeviceError: This machine, or this build of PyTorch, does not have the device.
    """
    if re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", name, re.ASCII) is None:
        raise ValueError(f"unknown device {name!r}; known are {', '.join(DEVICES)}")
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    device = torch.device(name)
    if device.type == "cuda":
        _check_cuda(device)
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise DeviceError("PyTorch finds no Apple GPU here; choose the device cpu or auto.")
    return device


def _check_cuda(device: torch.device) -> None:
    n_devices = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if n_devices == 0:
        raise DeviceError(
            "PyTorch finds no NVIDIA or AMD GPU here; install its driver and a PyTorch build for"
            " it, or choose the device cpu or auto."
        )
    if (device.index or 0) >= n_devices:
        raise DeviceError(
            f"There is no device {device}: this machine has {n_devices}, counted from cuda:0."
        )


def choose_precision(name: str, device: torch.device) -> torch.dtype:
    """Choose the data type of the towers.

    "auto" is float32, except on CPUs with native bfloat16 multiplication. There bfloat16 takes half
    the time and gives the same offsets (tests/core/model/synchformer/test_precision.py).

    Args:
        name: "auto" or one of `PRECISIONS`.
        device: Device of the towers.

    Raises:
        ValueError: The name is unknown.
        DeviceError: The device is unsuited to the type.
    """
    if name == "auto":
        return torch.bfloat16 if _is_native_bfloat16_cpu(device) else torch.float32
    if name not in PRECISIONS:
        raise ValueError(f"unknown precision {name!r}; known are auto, {', '.join(PRECISIONS)}")
    if name == "float16" and device.type == "cpu":
        raise DeviceError(
            "float16 is for GPUs: on a CPU it is slower and less exact than float32, because every"
            " number is converted to float32 and back; choose float32, bfloat16 or auto."
        )
    return PRECISIONS[name]


def _is_native_bfloat16_cpu(device: torch.device) -> bool:
    if device.type != "cpu":
        return False
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16"))


def segments_per_batch(device: torch.device, dtype: torch.dtype) -> int:
    """Batch size of the encoders in segments, derived from the free memory.

    1 on a CPU: larger calls do not fit its caches and take longer per segment.
    """
    if device.type == "cuda":
        free_bytes, _ = torch.cuda.mem_get_info(device)
    elif device.type == "mps":
        free_bytes = torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
    else:
        return 1
    # Half is left to the display and other users of the GPU.
    segment_bytes = _SEGMENT_BYTES * dtype.itemsize // torch.float32.itemsize
    return max(1, min(MAX_SEGMENTS, free_bytes // 2 // segment_bytes))
