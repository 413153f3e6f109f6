"""Where the networks run, how exactly they calculate, and how much they take at a time."""

import re

import torch

from core.errors import SyncError

DEVICES = ("auto", "cpu", "cuda", "cuda:N", "mps")
"""What a user can ask for; a GPU under ROCm is called cuda, as PyTorch does."""

PRECISIONS = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}
"""What a user can ask for besides "auto"."""

MAX_SEGMENTS = 28
"""Segments in a call, however much memory there is: larger calls gain nothing."""

# A visual segment takes 80 MB more in float32 on the CPU, by tests/benchmarks/model_speed.py; a
# quarter is added for what an allocator cannot use.
_SEGMENT_BYTES = 80_000_000 * 5 // 4


class DeviceError(SyncError):
    """The device or precision asked for does not exist here."""


def choose_device(name: str = "auto") -> torch.device:
    """Return the device that a user named, or the fastest one there is.

    Args:
        name: One of `DEVICES`, with a number in the place of N.

    Raises:
        ValueError: No such name.
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
        raise DeviceError(
            "There is no Apple GPU that PyTorch can use here; choose the device cpu or auto."
        )
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
    """Return the type in which the towers calculate.

    "auto" is float32, except on CPUs that multiply bfloat16 natively: there bfloat16 takes half the
    time, and tests/core/model/synchformer/test_precision.py shows that it gives the same answers.

    Args:
        name: "auto" or one of `PRECISIONS`.
        device: Where the towers run.

    Raises:
        ValueError: No such name.
        DeviceError: The device cannot reasonably calculate in this type.
    """
    if name == "auto":
        return torch.bfloat16 if _is_native_bfloat16_cpu(device) else torch.float32
    if name not in PRECISIONS:
        raise ValueError(f"unknown precision {name!r}; known are auto, {', '.join(PRECISIONS)}")
    if name == "float16" and device.type == "cpu":
        raise DeviceError(
            "float16 is for GPUs: a CPU converts every number to float32 and back, which is slower"
            " and less exact than float32; choose float32, bfloat16 or auto."
        )
    return PRECISIONS[name]


def _is_native_bfloat16_cpu(device: torch.device) -> bool:
    if device.type != "cpu":
        return False
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16"))


def segments_per_batch(device: torch.device, dtype: torch.dtype) -> int:
    """Return how many segments an encoder takes best at a time, from the memory now free.

    On a CPU that is one: larger calls do not fit its caches and take longer per segment.
    """
    if device.type == "cuda":
        free_bytes, _ = torch.cuda.mem_get_info(device)
    elif device.type == "mps":
        free_bytes = torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
    else:
        return 1
    # Half is left to others: the display, and whatever else runs on the GPU.
    segment_bytes = _SEGMENT_BYTES * dtype.itemsize // torch.float32.itemsize
    return max(1, min(MAX_SEGMENTS, free_bytes // 2 // segment_bytes))
