import math

import numpy as np
import pytest
import torch

from core.model.builtin.inputs import (
    MEL_BANDS,
    POWER_FLOOR,
    TICK_SAMPLES,
    grey_half,
    log_mel,
)


@pytest.mark.parametrize(
    ("colour", "level"),
    [
        ((255, 255, 255), 255),
        ((0, 0, 0), 0),
        ((255, 0, 0), 76),
        ((0, 255, 0), 150),
        ((0, 0, 255), 29),
    ],
)
def test_grey_is_the_luma(colour: tuple[int, int, int], level: int) -> None:
    frames = np.broadcast_to(np.array(colour, np.uint8), (2, 4, 6, 3))
    grey = grey_half(frames)
    assert grey.shape == (2, 2, 3)
    assert grey.dtype == np.uint8
    assert (grey == level).all()


def test_grey_is_averaged_over_squares() -> None:
    frames = np.zeros((1, 2, 4, 3), np.uint8)
    frames[0, 0, 0] = 200
    frames[0, :, 2:] = 100
    assert grey_half(frames)[0].tolist() == [[50, 100]]


def test_odd_row_and_column_are_left_out() -> None:
    frames = np.zeros((1, 5, 7, 3), np.uint8)
    frames[:, 4], frames[:, :, 6] = 255, 255
    assert grey_half(frames).shape == (1, 2, 3)
    assert not grey_half(frames).any()


def test_there_is_a_column_for_every_tick() -> None:
    assert log_mel(torch.zeros(2, 7 * TICK_SAMPLES)).shape == (2, MEL_BANDS, 7)


def test_silence_is_the_floor() -> None:
    columns = log_mel(torch.zeros(1, 3 * TICK_SAMPLES))
    torch.testing.assert_close(columns, torch.full_like(columns, math.log(POWER_FLOOR)))


@pytest.mark.parametrize("tick", [5, 12])
def test_column_is_centred_on_its_tick(tick: int) -> None:
    waveform = torch.zeros(1, 20 * TICK_SAMPLES)
    waveform[0, tick * TICK_SAMPLES] = 1.0
    power = log_mel(waveform).exp().sum(dim=1)[0]
    assert int(power.argmax()) == tick
    assert float(power[tick - 1]) == pytest.approx(float(power[tick + 1]), rel=1e-3)


@pytest.mark.parametrize("frequency_hz", [150, 1000, 6000])
def test_tone_lies_in_the_band_of_its_frequency(frequency_hz: float) -> None:
    seconds = torch.arange(40 * TICK_SAMPLES, dtype=torch.float64) / 16000
    tone = torch.sin(2 * math.pi * frequency_hz * seconds).float()[None]
    band = int(log_mel(tone)[0, :, 20].argmax())
    mel = [2595 * math.log10(1 + hz / 700) for hz in (60, frequency_hz, 8000)]
    expected = (mel[1] - mel[0]) / (mel[2] - mel[0]) * (MEL_BANDS + 1) - 1
    assert band == pytest.approx(expected, abs=1)
