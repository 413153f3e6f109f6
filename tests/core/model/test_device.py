import pytest
import torch

from core.model.device import (
    DeviceError,
    choose_device,
    choose_precision,
    segments_per_batch,
)

CPU = torch.device("cpu")


def test_automatic_choice_exists() -> None:
    device = choose_device()
    assert torch.zeros(1, device=device).item() == 0


def test_named_device_is_taken() -> None:
    assert choose_device("cpu") == CPU


@pytest.mark.parametrize("name", ["", "gpu", "cuda:", "cuda:x", "CPU", "cpu:1"])
def test_unknown_device_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(ValueError, match="auto, cpu, cuda, cuda:N, mps"):
        choose_device(name)


@pytest.mark.skipif(torch.cuda.is_available(), reason="has a CUDA device")
@pytest.mark.parametrize("name", ["cuda", "cuda:0"])
def test_missing_gpu_is_an_error_that_says_what_to_do(name: str) -> None:
    with pytest.raises(DeviceError, match="choose the device cpu or auto"):
        choose_device(name)


@pytest.mark.skipif(torch.backends.mps.is_available(), reason="has an Apple GPU")
def test_missing_apple_gpu_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(DeviceError, match="choose the device cpu or auto"):
        choose_device("mps")


@pytest.mark.gpu
def test_gpu_beyond_the_last_is_refused() -> None:
    with pytest.raises(DeviceError, match="There is no device cuda:99"):
        choose_device("cuda:99")


@pytest.mark.parametrize(
    ("name", "dtype"), [("float32", torch.float32), ("bfloat16", torch.bfloat16)]
)
def test_named_precision_is_taken(name: str, dtype: torch.dtype) -> None:
    assert choose_precision(name, CPU) is dtype


def test_unknown_precision_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="auto, float32, bfloat16, float16"):
        choose_precision("half", CPU)


def test_float16_is_refused_on_the_cpu_with_the_reason() -> None:
    with pytest.raises(DeviceError, match="slower"):
        choose_precision("float16", CPU)
    assert choose_precision("float16", torch.device("cuda")) is torch.float16


def test_automatic_precision_is_float32_unless_the_cpu_multiplies_bfloat16() -> None:
    capabilities = torch.cpu.get_capabilities()
    native = capabilities.get("avx512_bf16", False) or capabilities.get("amx_bf16", False)
    assert choose_precision("auto", CPU) is (torch.bfloat16 if native else torch.float32)
    assert choose_precision("auto", torch.device("cuda")) is torch.float32
    assert choose_precision("auto", torch.device("mps")) is torch.float32


def test_cpu_takes_one_segment_at_a_time() -> None:
    assert segments_per_batch(CPU, torch.float32) == 1


@pytest.mark.gpu
def test_gpu_takes_more_segments_in_half_the_precision() -> None:
    device = torch.device("cuda")
    full = segments_per_batch(device, torch.float32)
    assert 1 <= full <= segments_per_batch(device, torch.bfloat16)
