from typing import cast

import numpy as np
import pytest
import torch

from core.detection.cache.clip_features import ClipFeatures, temporary_features
from core.detection.config import HOP_STEP_S, DetectionConfig
from core.detection.engines.base import ClipContext
from core.detection.engines.synchformer.engine import SynchformerEngine
from core.detection.evidence import OffsetEvidence, evidence_from_classes
from core.detection.windows import plan_windows
from core.errors import SyncError
from core.media.decoder import ClipChunk
from core.model.synchformer.dimensions import SEGMENT_FRAMES
from core.model.synchformer.inputs import audio_input, video_input
from core.model.synchformer.synchformer import Synchformer
from core.progress import SILENT
from core.timing import SAMPLES_PER_FRAME

N_FRAMES = 171
ONCE = DetectionConfig(shift_step_s=0)


class SmallNetwork:
    """Has the methods of Synchformer, with features that tell which frame and sound they saw."""

    def __init__(self, most_segments: int = 99) -> None:
        self.most_segments = most_segments
        self.first_pixels: list[float] = []
        self.windows: list[tuple[torch.Tensor, torch.Tensor]] = []

    def encode_video(self, video: torch.Tensor) -> torch.Tensor:
        if len(video) > self.most_segments:
            raise torch.OutOfMemoryError("too many segments")
        assert video.shape[1:] == (1, 16, 3, 224, 224)
        self.first_pixels += video[:, 0, 0, 0, 0, 0].tolist()
        return video.mean(dim=(3, 4, 5))[:, :, ::2, None].repeat(1, 1, 1, 4)

    def encode_audio(self, mel: torch.Tensor) -> torch.Tensor:
        assert mel.shape[1:] == (1, 1, 128, 66)
        return mel.mean(dim=3)[..., :6].transpose(2, 3).repeat(1, 1, 1, 4)

    def fuse(self, visual: torch.Tensor, audio: torch.Tensor) -> torch.Tensor:
        assert visual.shape == (len(audio), 14, 8, 4)
        assert audio.shape[1:] == (14, 6, 4)
        self.windows += zip(visual[:, None], audio[:, None], strict=True)
        mixed = visual.mean(dim=(2, 3)) + audio.mean(dim=(2, 3))  # (B, 14)
        return torch.cat([mixed, mixed.flip(1)[:, :7]], dim=1)


def _engine(network: SmallNetwork, batch_size: int = 1) -> SynchformerEngine:
    model = cast(Synchformer, network)
    return SynchformerEngine(
        model, "small", "small", torch.device("cpu"), torch.float32, batch_size
    )


def _clip(n_frames: int = N_FRAMES, n_missing: int = 0, n_tail: int = 0) -> ClipChunk:
    total = n_missing + n_frames + n_tail
    rng = np.random.default_rng(2)
    level = np.arange(total, dtype=np.uint8)
    frames = np.broadcast_to(level[:, None, None, None], (total, 256, 256, 3))
    there = np.zeros(total, dtype=bool)
    there[n_missing : n_missing + n_frames] = True
    wave = (0.1 * rng.standard_normal(total * SAMPLES_PER_FRAME)).astype(np.float32)
    return ClipChunk(0, frames, wave, np.ones(total, dtype=bool), there)


def _analyze(
    engine: SynchformerEngine,
    clip: ClipChunk,
    piece: int = 25,
    config: DetectionConfig = ONCE,
    features: ClipFeatures | None = None,
) -> list[OffsetEvidence]:
    run = engine.start(config, SILENT, ClipContext(250, features=features))
    evidence: list[OffsetEvidence] = []
    for i in range(0, len(clip.frames), piece):
        end = i + piece
        evidence += run.consume(
            ClipChunk(
                i,
                clip.frames[i:end],
                clip.waveform[i * SAMPLES_PER_FRAME : end * SAMPLES_PER_FRAME],
                clip.has_video[i:end],
                clip.has_audio[i:end],
            )
        )
    return [*evidence, *run.finish()]


def test_each_segment_is_encoded_once() -> None:
    network = SmallNetwork()
    engine = _engine(network)
    evidence = _analyze(engine, _clip(), config=DetectionConfig())
    starts = {start for item in evidence for start in item.window.segment_starts}
    assert engine.n_visual_encoded == len(starts)
    assert engine.n_audio_encoded == 5 * len(starts)
    seen = sorted(round((pixel / 2 + 0.5) * 255) for pixel in network.first_pixels)
    assert seen == sorted(starts)


def test_windows_lie_where_they_are_planned() -> None:
    clip, config = _clip(n_missing=9, n_tail=30), DetectionConfig(hop_s=HOP_STEP_S)
    evidence = _analyze(_engine(SmallNetwork()), clip, config=config)
    assert tuple(item.window for item in evidence) == plan_windows(9, N_FRAMES)


@pytest.mark.parametrize(("piece", "batch_size"), [(1, 1), (25, 5), (500, 28)])
def test_answer_does_not_depend_on_pieces_and_batches(piece: int, batch_size: int) -> None:
    expected = _analyze(_engine(SmallNetwork()), _clip())
    evidence = _analyze(_engine(SmallNetwork(), batch_size), _clip(), piece)
    assert [item.window for item in evidence] == [item.window for item in expected]
    for one, other in zip(evidence, expected, strict=True):
        assert one.posterior is not None
        assert other.posterior is not None
        np.testing.assert_allclose(one.posterior.logits, other.posterior.logits, atol=1e-5)


def test_windows_far_apart_leave_segments_between_unencoded() -> None:
    engine = _engine(SmallNetwork())
    clip = _clip(n_frames=251)
    evidence = _analyze(engine, clip, config=DetectionConfig(hop_s=3600, shift_step_s=0))
    assert tuple(item.window for item in evidence) == plan_windows(0, 251, 11250)
    assert engine.n_visual_encoded == len({s for e in evidence for s in e.window.segment_starts})


def test_evidence_comes_as_soon_as_its_window_is_complete() -> None:
    run = _engine(SmallNetwork()).start(DetectionConfig(), SILENT, ClipContext(250))
    clip = _clip(n_frames=125)
    assert len(run.consume(clip)) == 1


def test_short_clip_is_padded_with_held_frames_and_silence() -> None:
    network = SmallNetwork()
    (evidence,) = _analyze(_engine(network), _clip(n_frames=40))
    assert evidence.window.is_padded
    assert evidence.window.n_segments == 4
    visual, audio = network.windows[0]
    last_level = 39 / 255 * 2 - 1
    assert visual[0, 6:].flatten().tolist() == pytest.approx([last_level] * 8 * 8 * 4, abs=1e-3)
    assert (audio[0, 6:] == audio[0, 13]).all()
    assert (audio[0, 0] != audio[0, 13]).any()


def test_half_a_second_gives_no_evidence() -> None:
    assert _analyze(_engine(SmallNetwork()), _clip(n_frames=SEGMENT_FRAMES - 1)) == []


def test_batch_is_halved_when_memory_runs_out() -> None:
    engine = _engine(SmallNetwork(most_segments=3), batch_size=14)
    expected = _analyze(_engine(SmallNetwork()), _clip())
    assert len(_analyze(engine, _clip())) == len(expected)
    assert engine.batch_size == 3


def test_out_of_memory_with_one_segment_is_a_sentence() -> None:
    engine = _engine(SmallNetwork(most_segments=0))
    with pytest.raises(SyncError, match="memory"):
        _analyze(engine, _clip())


def test_long_silence_at_the_end_keeps_memory_bounded() -> None:
    run = _engine(SmallNetwork()).start(DetectionConfig(), SILENT, ClipContext(250))
    clip = _clip(n_frames=130, n_tail=120)
    run.consume(clip)
    for first in range(250, 1000, 250):
        run.consume(
            ClipChunk(first, clip.frames, clip.waveform, clip.has_video, np.zeros(250, dtype=bool))
        )
    assert len(run._frames) < 300
    assert len(run._visual) < 40
    assert len(run._audio) < 200
    assert len(run._samples._pieces) < 4


def test_smaller_range_cuts_the_axis() -> None:
    evidence = _analyze(_engine(SmallNetwork()), _clip(), config=DetectionConfig(range_s=0.5))
    assert {(item.axis_s[0], item.axis_s[-1]) for item in evidence} == {(-0.5, 0.5)}


def _one_window(network: SmallNetwork, clip: ClipChunk, first: int) -> torch.Tensor:
    """Ask the network about one window, which shares nothing with any other."""
    starts = range(first, first + 112, 8)
    frames = np.stack([clip.frames[s : s + 16, 16:240, 16:240] for s in starts])
    samples = np.stack([clip.waveform[s * SAMPLES_PER_FRAME :][:10240] for s in starts])
    visual = [network.encode_video(video_input(x[None])[:, None])[:, 0] for x in frames]
    audio = [network.encode_audio(audio_input(x[None])[:, None])[:, 0] for x in samples]
    return network.fuse(torch.cat(visual)[None], torch.cat(audio)[None])[0]


@pytest.mark.parametrize("config", [ONCE, DetectionConfig()], ids=["once", "sub-grid"])
def test_shared_segments_give_what_single_windows_give(config: DetectionConfig) -> None:
    clip = _clip()
    evidence = _analyze(_engine(SmallNetwork()), clip, config=config)
    for item in evidence:
        expected = _one_window(SmallNetwork(), clip, item.window.first_frame)
        assert item.posterior is not None
        atol = 0 if config is ONCE else 1e-5
        np.testing.assert_allclose(item.posterior.logits, expected.numpy(), rtol=0, atol=atol)


def test_asking_once_gives_the_evidence_of_the_classes() -> None:
    for item in _analyze(_engine(SmallNetwork()), _clip()):
        assert item.posterior is not None
        expected = evidence_from_classes(item.window, item.posterior, 2.0)
        np.testing.assert_array_equal(item.log_likelihood, expected.log_likelihood)
        assert (item.resolution_s, item.evaluations) == (0.1, ())


def test_pictures_known_already_are_not_encoded_again() -> None:
    features, first, second = temporary_features(), _engine(SmallNetwork()), _engine(SmallNetwork())
    expected = _analyze(first, _clip(n_frames=125), features=features)
    found = _analyze(second, _clip(n_frames=125), features=features)
    assert (first.n_visual_encoded, second.n_visual_encoded) == (14, 0)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one.log_likelihood, other.log_likelihood)


def test_padded_segments_are_not_kept() -> None:
    features = temporary_features()
    _analyze(_engine(SmallNetwork()), _clip(n_frames=40), features=features)
    kept = [start for start in range(0, 112, 8) if features.get(start, None) is not None]
    assert kept == [0, 8, 16, 24]


def test_range_costs_answers_but_no_sound() -> None:
    engines = {range_s: _engine(SmallNetwork()) for range_s in (2.0, 6.0)}
    for range_s, engine in engines.items():
        _analyze(
            engine, _clip(n_frames=300), config=DetectionConfig(range_s=range_s, shift_step_s=0)
        )
    visual = {engine.n_visual_encoded for engine in engines.values()}
    audio = [engine.n_audio_encoded for engine in engines.values()]
    assert len(visual) == 1
    # Shifts are multiples of the segments' distance; only half a window at either end is new.
    assert audio[1] <= audio[0] + 16
    assert engines[6.0].n_fused <= 13 * engines[2.0].n_fused


def test_engine_hears_the_sound_early_by_its_lead() -> None:
    clip = _clip(n_frames=250)
    early = ClipChunk(0, clip.frames, np.roll(clip.waveform, -1024), clip.has_video, clip.has_audio)
    led = SynchformerEngine(
        cast(Synchformer, SmallNetwork()),
        "small",
        "small",
        torch.device("cpu"),
        torch.float32,
        1,
        audio_lead_s=0.064,
    )
    found, expected = _analyze(led, clip), _analyze(_engine(SmallNetwork()), early)
    for one, other in zip(found[:-1], expected[:-1], strict=True):
        assert one.posterior is not None
        assert other.posterior is not None
        assert one.posterior.audio_shift_s == pytest.approx(0.064)
        np.testing.assert_array_equal(one.posterior.logits, other.posterior.logits)


def test_a_long_range_keeps_memory_bounded() -> None:
    config = DetectionConfig(hop_s=HOP_STEP_S, range_s=4, shift_step_s=0)
    run = _engine(SmallNetwork()).start(config, SILENT, ClipContext(250))
    clip = _clip(n_frames=25)
    n_evidence = 0
    for first in range(0, 600, 25):
        chunk = ClipChunk(first, clip.frames, clip.waveform, clip.has_video, clip.has_audio)
        n_evidence += len(run.consume(chunk))
    assert n_evidence > 30
    assert len(run._frames) < 300
    assert len(run._visual) < 60
    assert len(run._audio) < 80
    assert len(run._samples._pieces) < 20
