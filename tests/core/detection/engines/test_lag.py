import numpy as np
import pytest
import torch

from core.detection.config import HOP_STEP_S, DetectionConfig
from core.detection.engines.base import ClipContext
from core.detection.engines.lag import ID, LagEngine
from core.detection.evidence import OffsetEvidence
from core.detection.windows import plan_windows
from core.media.decoder import ClipChunk
from core.model.builtin.file import About, BuiltinModel, Calibration
from core.model.builtin.lag_net import LAG_STEP_S, EncodedAudio, EncodedVideo, LagNet, LagSizes
from core.model.store.catalog import BUILTIN
from core.model.synchformer.dimensions import SEGMENT_FRAMES
from core.model.synchformer.offset_classes import class_of
from core.progress import SILENT
from core.timing import SAMPLES_PER_FRAME

N_FRAMES = 171
DENSE = DetectionConfig(hop_s=HOP_STEP_S)
SIZES = LagSizes(4, 8, 8, 2, 4, 8, 8, 16)


class PeakNet(LagNet):
    """Network with a peak of 40 ms at one lag for any input."""

    def __init__(self, peak_s: float, height: float, base: float = -12.0) -> None:
        super().__init__(SIZES)
        self.peak_s, self.height, self.base = peak_s, height, base

    def compare(
        self,
        video: EncodedVideo,
        audio: EncodedAudio,
        has_video: torch.Tensor,
        has_audio: torch.Tensor,
    ) -> torch.Tensor:
        n_lags = has_audio.shape[1] - 2 * (has_video.shape[1] - 1)
        lags = (torch.arange(n_lags) - n_lags // 2) * LAG_STEP_S
        curve = self.base + self.height * torch.exp(-(((lags - self.peak_s) / 0.04) ** 2))
        return curve[None]


def _engine(network: LagNet | None = None, temperature: float = 1.0) -> LagEngine:
    if network is None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            network = LagNet(SIZES)
    network.eval().requires_grad_(requires_grad=False)
    calibration = Calibration(temperature=temperature, resolution_s=0.05)
    return LagEngine(BuiltinModel(network, calibration, About("", 0, "")))


def _clip(n_frames: int = N_FRAMES, n_blind: int = 0, n_mute: int = 0) -> ClipChunk:
    """Noise without video in the first frames and without audio in the last ones."""
    rng = np.random.default_rng(2)
    frames = rng.integers(0, 256, (n_frames, 64, 96, 3), dtype=np.uint8)
    wave = (0.1 * rng.standard_normal(n_frames * SAMPLES_PER_FRAME)).astype(np.float32)
    has_video, has_audio = np.ones((2, n_frames), np.bool_)
    has_video[:n_blind] = False
    frames[:n_blind] = frames[n_blind]
    has_audio[n_frames - n_mute :] = False
    wave[(n_frames - n_mute) * SAMPLES_PER_FRAME :] = 0
    return ClipChunk(0, frames, wave, has_video, has_audio)


def _piece(clip: ClipChunk, begin: int, end: int) -> ClipChunk:
    samples = slice(begin * SAMPLES_PER_FRAME, end * SAMPLES_PER_FRAME)
    return ClipChunk(
        begin,
        clip.frames[begin:end],
        clip.waveform[samples],
        clip.has_video[begin:end],
        clip.has_audio[begin:end],
    )


def _analyze(
    engine: LagEngine, clip: ClipChunk, piece: int = 25, config: DetectionConfig | None = None
) -> list[OffsetEvidence]:
    run = engine.start(config or DENSE, SILENT, ClipContext(len(clip.frames)))
    evidence: list[OffsetEvidence] = []
    for i in range(0, len(clip.frames), piece):
        evidence += run.consume(_piece(clip, i, min(i + piece, len(clip.frames))))
    return [*evidence, *run.finish()]


def test_engine_has_the_id_of_the_catalog() -> None:
    assert ID == BUILTIN


def test_there_is_evidence_for_every_window() -> None:
    evidence = _analyze(_engine(), _clip())
    assert tuple(item.window for item in evidence) == plan_windows(0, N_FRAMES)
    for item in evidence:
        assert item.axis_s.shape == item.log_likelihood.shape == (401,)
        assert np.isfinite(item.log_likelihood).all()
        assert item.resolution_s == 0.05
        assert item.synchronizability is not None
        assert 0 < item.synchronizability < 1


@pytest.mark.parametrize("piece", [1, 7, 500])
def test_evidence_does_not_depend_on_the_pieces(piece: int) -> None:
    expected = _analyze(_engine(), _clip())
    evidence = _analyze(_engine(), _clip(), piece)
    assert [item.window for item in evidence] == [item.window for item in expected]
    for one, other in zip(evidence, expected, strict=True):
        np.testing.assert_allclose(one.log_likelihood, other.log_likelihood, atol=1e-3)
        assert one.synchronizability == pytest.approx(other.synchronizability, abs=1e-4)


def test_evidence_comes_with_the_audio_around_its_window() -> None:
    clip = _clip(n_frames=250)
    run = _engine().start(DENSE, SILENT, ClipContext(250))
    assert run.consume(_piece(clip, 0, 125)) == []
    assert [item.window.index for item in run.consume(_piece(clip, 125, 195))] == [0, 1]


def test_first_frames_of_a_short_clip_do_not_depend_on_the_pieces() -> None:
    clip = _clip(n_frames=60)
    (one,), (other,) = _analyze(_engine(), clip, 1), _analyze(_engine(), clip)
    np.testing.assert_allclose(one.log_likelihood, other.log_likelihood, atol=1e-3)


def test_clip_shorter_than_a_window_gives_a_padded_window() -> None:
    (evidence,) = _analyze(_engine(), _clip(n_frames=60))
    assert evidence.window.is_padded
    assert np.isfinite(evidence.log_likelihood).all()


def test_half_a_second_gives_no_evidence() -> None:
    assert _analyze(_engine(), _clip(n_frames=SEGMENT_FRAMES - 1)) == []


@pytest.mark.parametrize("range_s", [0.2, 0.33, 8.0, 30.0])
def test_range_is_that_of_the_options(range_s: float) -> None:
    evidence = _analyze(_engine(), _clip(130), config=DetectionConfig(range_s=range_s))
    assert evidence
    for item in evidence:
        assert (item.axis_s[0], item.axis_s[-1]) == pytest.approx((-range_s, range_s))
        assert item.axis_s.shape == item.log_likelihood.shape
        assert np.isfinite(item.log_likelihood).all()


def test_windows_lie_between_missing_ends() -> None:
    evidence = _analyze(_engine(), _clip(220, n_blind=9, n_mute=30))
    assert tuple(item.window for item in evidence) == plan_windows(9, 220 - 39)
    assert all(np.isfinite(item.log_likelihood).all() for item in evidence)


def test_clip_may_begin_late() -> None:
    clip, run = _clip(200), _engine().start(DENSE, SILENT, ClipContext(200))
    evidence = [*run.consume(_piece(clip, 40, 200)), *run.finish()]
    assert tuple(item.window for item in evidence) == plan_windows(40, 160)


def _most_held(clip: ClipChunk) -> int:
    """Largest number of encoded frames kept at a time."""
    run = _engine().start(DetectionConfig(hop_s=3.2), SILENT, ClipContext(len(clip.frames)))
    most = 0
    for i in range(0, len(clip.frames), 25):
        run.consume(_piece(clip, i, i + 25))
        most = max(most, sum(len(values) for _, values in run._cells._pieces))
    return most


def test_memory_does_not_grow_with_the_clip() -> None:
    assert _most_held(_clip(1300)) < 300


def test_memory_does_not_grow_without_audio() -> None:
    assert _most_held(_clip(1300, n_mute=1000)) < 400


def test_memory_does_not_grow_without_video() -> None:
    assert _most_held(_clip(1300, n_blind=1000)) < 400


class FluxNet(LagNet):
    """Network that correlates the motion of all cells with the audio onsets."""

    def __init__(self) -> None:
        super().__init__(SIZES)

    def compare(
        self,
        video: EncodedVideo,
        audio: EncodedAudio,
        has_video: torch.Tensor,
        has_audio: torch.Tensor,
    ) -> torch.Tensor:
        motion = video.motion[:, :, 0].mean(-1)  # (1, T)
        pieces = audio.signals[..., 0].unfold(1, 2 * motion.shape[1] - 1, 1)[..., ::2]
        return (pieces * motion).sum(-1).flip(-1)


@pytest.mark.parametrize("early_s", [0.0, 0.4, -1.2, 3.6])
def test_audio_is_aligned_with_the_video(early_s: float) -> None:
    n_frames = 420
    clip = _clip(n_frames)
    clip.frames[:], clip.waveform[:] = 0, 0
    events = np.array([100, 117, 121, 150, 173, 180, 199, 230, 237, 270, 281, 300, 322])
    for frame in events:
        clip.frames[frame:] = 255 - clip.frames[frame]
        sample = frame * SAMPLES_PER_FRAME - round(early_s * 16000)
        clip.waveform[sample : sample + 400] = np.hanning(400)[::-1] ** 4
    evidence = _analyze(_engine(FluxNet()), clip, config=DetectionConfig(range_s=4.0))
    inner = [item for item in evidence if 100 <= item.window.first_frame <= 200]
    assert inner
    for item in inner:
        assert item.axis_s[item.log_likelihood.argmax()] == pytest.approx(early_s, abs=0.03)


@pytest.mark.parametrize("peak_s", [0.4, -1.2, 0.0])
def test_peak_of_the_curve_is_that_of_evidence_and_classes(peak_s: float) -> None:
    for item in _analyze(_engine(PeakNet(peak_s, 20.0)), _clip(130)):
        assert item.axis_s[item.log_likelihood.argmax()] == pytest.approx(peak_s)
        assert item.posterior is not None
        assert item.posterior.logits.shape == (21,)
        assert int(item.posterior.logits.argmax()) == class_of(peak_s)
        assert item.posterior.probabilities.max() > 0.95
        assert item.synchronizability is not None
        assert item.synchronizability > 0.9


def test_peak_beyond_the_classes_is_found_all_the_same() -> None:
    config = DetectionConfig(range_s=8.0)
    for item in _analyze(_engine(PeakNet(-6.5, 20.0)), _clip(130), config=config):
        assert item.axis_s[item.log_likelihood.argmax()] == pytest.approx(-6.5)


def test_narrow_range_does_not_change_classes_and_synchronizability() -> None:
    narrow = _analyze(_engine(PeakNet(1.0, 20.0)), _clip(130), config=DetectionConfig(range_s=0.2))
    wide = _analyze(_engine(PeakNet(1.0, 20.0)), _clip(130))
    for one, other in zip(narrow, wide, strict=True):
        assert one.axis_s.max() == pytest.approx(0.2)
        assert one.synchronizability == pytest.approx(other.synchronizability)
        assert one.posterior is not None
        assert other.posterior is not None
        np.testing.assert_allclose(one.posterior.logits, other.posterior.logits, atol=1e-4)


def test_unrelated_audio_and_video_favour_no_offset() -> None:
    for item in _analyze(_engine(PeakNet(0.4, 3.0, base=-20.0)), _clip(130)):
        assert np.ptp(item.log_likelihood) < 0.01
        assert item.synchronizability is not None
        assert item.synchronizability < 0.01


def test_unrelated_stays_unrelated_in_a_wider_range() -> None:
    config = DetectionConfig(range_s=8.0)
    for item in _analyze(_engine(PeakNet(0.4, 3.0, base=-20.0)), _clip(130), config=config):
        assert item.synchronizability is not None
        assert item.synchronizability < 0.01


def test_temperature_flattens_the_evidence() -> None:
    (sure, *_) = _analyze(_engine(PeakNet(0.4, 20.0)), _clip(130))
    (unsure, *_) = _analyze(_engine(PeakNet(0.4, 20.0), temperature=3.0), _clip(130))
    assert np.ptp(unsure.log_likelihood) < np.ptp(sure.log_likelihood)
