import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import signal

from training.data.augment import (
    Augmentation,
    Square,
    change_audio,
    change_colours,
    change_frames,
    cut_square,
    draw_square,
    low_passed,
    pitched_up,
    reverberated,
    without_colours,
)

RATE_HZ = 16000
NEVER = Augmentation(flip=0.0)


@pytest.fixture
def frames() -> NDArray[np.uint8]:
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (4, 256, 300, 3)).astype(np.uint8)


def tone(frequency_hz: float) -> NDArray[np.float32]:
    time_s = np.arange(10240) / RATE_HZ
    return (0.3 * np.sin(2 * np.pi * frequency_hz * time_s)).astype(np.float32)


def pitch_hz(waveform: NDArray[np.float32]) -> float:
    inner = waveform[2000:8000] * np.hanning(6000)
    power = np.abs(np.fft.rfft(inner, 1 << 16))
    return float(power.argmax()) * RATE_HZ / (1 << 16)


def test_square_lies_anywhere_in_the_picture() -> None:
    rng = np.random.default_rng(0)
    squares = [draw_square(rng, (226, 225), NEVER) for _ in range(100)]
    assert {square.top for square in squares} == {0, 1, 2}
    assert {square.left for square in squares} == {0, 1}
    assert {square.side for square in squares} == {224}


def test_smaller_square_is_made_larger(frames: NDArray[np.uint8]) -> None:
    square = draw_square(np.random.default_rng(0), (256, 300), Augmentation(smaller_crop=1.0))
    assert square.side == 192
    smooth = np.broadcast_to(np.arange(256, dtype=np.uint8)[:, None, None], (2, 256, 300, 3))
    larger = cut_square(smooth, Square(10, 20, 192))
    assert larger.shape == (2, 224, 224, 3)
    expected = 10 + (np.arange(224) + 0.5) * 192 / 224 - 0.5
    assert np.abs(larger[0, 1:-1, 5, 0] - expected[1:-1]).max() <= 1
    assert cut_square(frames, Square(3, 4, 224))[0, 0, 0, 0] == frames[0, 3, 4, 0]


def test_colours_change_alike_in_all_frames(frames: NDArray[np.uint8]) -> None:
    still = np.broadcast_to(frames[:1], frames.shape)
    changed = change_colours(np.random.default_rng(1), still)
    assert changed.shape == frames.shape
    assert not np.array_equal(changed, still)
    np.testing.assert_array_equal(changed, np.broadcast_to(changed[:1], changed.shape))
    again = change_colours(np.random.default_rng(1), still)
    np.testing.assert_array_equal(changed, again)


def test_grey_pictures_have_three_equal_channels(frames: NDArray[np.uint8]) -> None:
    grey = without_colours(frames)
    assert np.array_equal(grey[..., 0], grey[..., 1])
    assert np.array_equal(grey[..., 0], grey[..., 2])
    luma = frames @ np.array([0.299, 0.587, 0.114])
    assert np.abs(grey[..., 0] - luma).max() < 1.1


def test_what_never_happens_changes_nothing(frames: NDArray[np.uint8]) -> None:
    rng = np.random.default_rng(2)
    np.testing.assert_array_equal(change_frames(rng, frames, NEVER), frames)
    np.testing.assert_array_equal(change_audio(rng, tone(440), NEVER), tone(440))


def test_what_always_happens_keeps_shapes_and_types(frames: NDArray[np.uint8]) -> None:
    always = Augmentation(1, 1, 1, 1, 1, 1, 1, 1, 1)
    rng = np.random.default_rng(3)
    pictures = change_frames(rng, frames, always)
    assert (pictures.shape, pictures.dtype) == (frames.shape, np.uint8)
    for n_samples in (10240, 76800):
        waveform = rng.standard_normal(n_samples).astype(np.float32)
        changed = change_audio(rng, waveform, always)
        assert (changed.shape, changed.dtype) == (waveform.shape, np.float32)
        assert np.isfinite(changed).all()


def test_flipped_pictures_are_mirrored(frames: NDArray[np.uint8]) -> None:
    flipped = change_frames(np.random.default_rng(4), frames, Augmentation(flip=1.0))
    np.testing.assert_array_equal(flipped, frames[:, :, ::-1])


def test_gain_doubles_and_clips() -> None:
    waveform = np.array([0.1, -0.4, 0.7, -0.9], np.float32)
    louder = change_audio(np.random.default_rng(5), waveform, Augmentation(gain=1.0))
    np.testing.assert_allclose(louder, [0.2, -0.8, 1, -1], rtol=1e-6)


def test_noise_has_the_published_strength() -> None:
    silence = np.zeros(10240, np.float32)
    noise = change_audio(np.random.default_rng(6), silence, Augmentation(noise=1.0))
    assert noise.std() == pytest.approx(0.01, rel=0.05)


@pytest.mark.parametrize("frequency_hz", [220.0, 440.0, 1000.0])
def test_pitch_rises_by_ten_semitones_in_the_same_time(frequency_hz: float) -> None:
    higher = pitched_up(tone(frequency_hz))
    assert higher.shape == (10240,)
    assert pitch_hz(higher) == pytest.approx(frequency_hz * 2 ** (10 / 12), rel=0.005)


def test_pitch_keeps_events_in_their_place() -> None:
    waveform = np.zeros(10240, np.float32)
    waveform[5000:5200] = tone(800)[:200]
    envelope = np.abs(signal.hilbert(pitched_up(waveform)))
    centre = (envelope * np.arange(10240)).sum() / envelope.sum()
    assert centre == pytest.approx(5100, abs=160)


def test_low_pass_halves_the_power_at_100_hz() -> None:
    for frequency_hz, share in ((30, 1.0), (100, 0.5), (1000, 1e-4)):
        kept = low_passed(tone(frequency_hz))[5000:].var() / tone(frequency_hz)[5000:].var()
        assert kept == pytest.approx(share, rel=0.1, abs=2e-4)


def test_reverberation_comes_after_the_sound_and_fades() -> None:
    click = np.zeros(32000, np.float32)
    click[1000] = 1.0
    echo = reverberated(click)
    # The first echo returns after the sum of the shortest ways: nothing of the click itself.
    assert np.abs(echo[:1400]).max() < 1e-6
    power = [float(np.square(echo[first : first + 4000]).sum()) for first in (1400, 9400, 17400)]
    assert power[0] > 10 * power[1] > 100 * power[2] > 0


def test_probabilities_are_checked() -> None:
    with pytest.raises(ValueError, match=r"noise is a probability from 0 to 1, not 1\.2"):
        Augmentation(noise=1.2)
