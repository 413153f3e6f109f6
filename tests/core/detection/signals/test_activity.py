import numpy as np

from core.detection.result import Reason
from core.detection.signals.activity import ActivityMeter
from core.media.decoder import ClipChunk
from core.timing import SAMPLES_PER_FRAME

RNG = np.random.default_rng(0)
TEXTURE = RNG.integers(0, 256, (256, 320), dtype=np.uint8)


def _obstacle(frames: np.ndarray, level: float) -> Reason:
    is_present = np.ones(len(frames), dtype=bool)
    wave = level * RNG.standard_normal(len(frames) * SAMPLES_PER_FRAME)
    meter = ActivityMeter()
    rgb = np.repeat(frames[..., None], 3, axis=-1)
    meter.measure(ClipChunk(0, rgb, wave.astype(np.float32), is_present, is_present))
    return meter.obstacle


def _still(noise_levels: float) -> np.ndarray:
    noise = noise_levels * RNG.standard_normal((30, *TEXTURE.shape))
    return np.clip(TEXTURE + noise, 0, 255).astype(np.uint8)


def test_noise_on_a_still_picture_is_no_motion() -> None:
    assert _obstacle(_still(2.0), 0.1) is Reason.NO_MOTION


def test_small_moving_object_is_motion() -> None:
    frames = _still(1.0)
    frames[15:, 100:112, 100:112] = 255
    assert _obstacle(frames, 0.1) is Reason.NONE


def test_very_quiet_sound_is_silence() -> None:
    frames = _still(1.0)
    frames[15:] = 0
    assert _obstacle(frames, 1e-4) is Reason.SILENCE
    assert _obstacle(frames, 1e-2) is Reason.NONE


def test_missing_frames_and_audio_are_ignored() -> None:
    frames = np.repeat(_still(0.0)[..., None], 3, axis=-1)
    frames[20:] = 0
    has_video = np.arange(30) < 20
    meter = ActivityMeter()
    meter.measure(
        ClipChunk(0, frames, np.ones(30 * SAMPLES_PER_FRAME, np.float32), has_video, has_video)
    )
    assert meter.peak_motion == 0
