"""Answers about all the audio streams of a clip, each kept for itself."""

from typing import cast

import av
import pytest
import torch

from core.detection.cached_detector import Cache, CacheLimits
from core.detection.config import DetectionConfig
from core.detection.detect import detect
from core.detection.engines.classical import ClassicalEngine
from core.detection.engines.open import EngineChoice
from core.detection.engines.synchformer.engine import SynchformerEngine
from core.detection.schedule.scope import read_scope, stream_scopes
from core.model.synchformer.synchformer import Synchformer

CLASSICAL = EngineChoice("classical")
NEAR_S = 0.04
"""As near as the classical estimate comes to the truth with flashes and beeps."""

ONE_PASS = DetectionConfig(shift_step_s=0.0, hop_s=1.28, crop="centre")
"""Few questions to the network."""


class SmallNetwork:
    """Has the methods of Synchformer; features are means, so each shows what it was made of."""

    def encode_video(self, video):
        return video.mean(dim=(3, 4, 5))[:, :, ::2, None].repeat(1, 1, 1, 4)

    def encode_audio(self, mel):
        return mel.mean(dim=3)[..., :6].transpose(2, 3).repeat(1, 1, 1, 4)

    def fuse(self, visual, audio):
        mixed = visual.mean(dim=(2, 3)) + audio.mean(dim=(2, 3))  # (B, 14)
        return torch.cat([mixed, mixed.flip(1)[:, :7]], dim=1)


def class_engine():
    model = cast(Synchformer, SmallNetwork())
    return SynchformerEngine(model, "small", "small", torch.device("cpu"), torch.float32, 8)


@pytest.fixture(params=[CacheLimits(), CacheLimits(0, 0)], ids=["cache", "no cache"])
def cache(request, tmp_path):
    return Cache(tmp_path / "cache", "1.0", request.param)


@pytest.fixture
def two_tracks(make_clip, tmp_path):
    """A clip with two audio streams: 0.3 s early, and 0.2 s late."""
    early = make_clip("early.mkv", offset_s=0.3, size=(160, 128))
    late = make_clip("late.mkv", offset_s=-0.2, size=(160, 128))
    path = tmp_path / "two.mkv"
    with av.open(str(early)) as one, av.open(str(late)) as other, av.open(str(path), "w") as out:
        sources = [(one, one.streams.video[0]), (one, one.streams.audio[0])]
        sources.append((other, other.streams.audio[0]))
        targets = [out.add_stream_from_template(stream) for _, stream in sources]
        packets = []
        for (container, stream), target in zip(sources, targets, strict=True):
            container.seek(0)
            for packet in container.demux(stream):
                if packet.dts is not None:
                    packet.stream = target
                    packets.append(packet)
        for packet in sorted(packets, key=lambda p: (p.dts or 0) * p.time_base):
            out.mux(packet)
    return path


def detected(cached_detector, scopes, engine):
    sharing = cached_detector.sharing_features(len(scopes))
    return tuple(sharing.detect(scope, engine) for scope in scopes)


def test_every_audio_stream_is_detected_and_known_again(cache, two_tracks):
    cached_detector = cache.cached_detector(CLASSICAL)
    scopes = stream_scopes(read_scope(two_tracks, DetectionConfig()))
    first, second = detected(cached_detector, scopes, ClassicalEngine())
    assert (first.audio_stream_index, second.audio_stream_index) == (1, 2)
    assert first.estimate.offset_s == pytest.approx(0.3, abs=NEAR_S)
    assert second.estimate.offset_s == pytest.approx(-0.2, abs=NEAR_S)
    found = [cached_detector.earlier(two_tracks, scope.config) for scope in scopes]
    if cache.limits.answers_mb:
        assert [one.estimate for one in found] == [first.estimate, second.estimate]
    else:
        assert found == [None, None]
        assert not cache.folder.exists()


def test_the_picture_is_encoded_once_for_all_audio_streams(cache, two_tracks):
    alone, engine = class_engine(), class_engine()
    detect(two_tracks, alone, ONE_PASS)
    scopes = stream_scopes(read_scope(two_tracks, ONE_PASS))
    first, second = detected(cache.cached_detector(CLASSICAL), scopes, engine)
    assert engine.n_visual_encoded == alone.n_visual_encoded
    assert engine.n_audio_encoded == 2 * alone.n_audio_encoded
    assert [e.window for e in first.evidence] == [e.window for e in second.evidence]


def test_an_answer_about_a_clip_is_one_about_its_first_audio_stream(tmp_path, two_tracks):
    cached_detector = Cache(tmp_path / "cache", "1.0", CacheLimits()).cached_detector(CLASSICAL)
    scope = read_scope(two_tracks, DetectionConfig())
    cached_detector.detect(scope, ClassicalEngine())
    first, second = stream_scopes(scope)
    assert cached_detector.earlier(two_tracks, first.config)
    assert cached_detector.earlier(two_tracks, second.config) is None


def test_a_single_audio_stream_has_one_scope(make_clip):
    scope = read_scope(make_clip(duration_s=2.0), DetectionConfig())
    assert stream_scopes(scope) == (scope,)
    assert scope.audio.index == 1
