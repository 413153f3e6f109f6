from fractions import Fraction
from pathlib import Path

import pytest

from core.detection.config import DetectionConfig
from core.detection.engines.classical import ClassicalRun
from core.detection.engines.lag import TRAINED_REACH_TOKENS
from core.detection.schedule.chunks import Chunk
from core.detection.schedule.scope import scope_of
from core.media.info import AudioStream, MediaInfo, VideoStream
from core.model.builtin.lag_net import LAG_STEP_S
from core.model.synchformer.dimensions import CROP_FRAMES
from core.progress import SILENT
from core.timing import VIDEO_FPS

VIDEO = VideoStream(
    0, "h264", 640, 360, Fraction(25), Fraction(1, 12800), 0.0, 60.0, 0, False, False
)
AUDIO = AudioStream(1, "aac", 48000, 2, Fraction(1, 48000), 0.0, 60.0, "")
INFO = MediaInfo(Path("clip.mp4"), "mov", 60.0, 1, (VIDEO,), (AUDIO,), ())


def test_a_single_window_hears_nothing_beyond_its_crop() -> None:
    scope = scope_of(INFO, DetectionConfig(window_start_s=2.0))
    assert scope.whole == Chunk(50, CROP_FRAMES)
    assert scope.n_margin_frames == 0


@pytest.mark.parametrize("range_s", [0.2, 2.0, 8.0, 30.0])
def test_the_sound_around_reaches_as_far_as_engines_hear(range_s: float) -> None:
    config = DetectionConfig(range_s=range_s, start_s=10.0, end_s=20.0)
    margin = scope_of(INFO, config).n_margin_frames
    assert margin >= ClassicalRun(config, SILENT, 250)._reach_frames
    assert margin >= TRAINED_REACH_TOKENS * LAG_STEP_S * VIDEO_FPS + 1
