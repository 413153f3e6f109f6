from collections.abc import Callable
from pathlib import Path

import pytest

from core.detection.config import DetectionConfig
from core.detection.engines.open import EngineChoice
from core.errors import CheckpointError, DetectionError, MediaError
from core.progress import SILENT
from synchformer_gui.jobs.tasks import Detector, DetectRequest, earlier_detection

MakeClip = Callable[..., Path]


def ignore(_: object) -> None:
    pass


def request_for(path: Path, config: DetectionConfig | None = None) -> DetectRequest:
    choice = EngineChoice("no-such-model", "cpu", "float32")
    return DetectRequest(path, config or DetectionConfig(), choice)


@pytest.mark.usefixtures("home")
def test_clips_are_looked_at_before_a_model_is_loaded(make_clip: MakeClip, tmp_path: Path) -> None:
    detector = Detector()
    clip = make_clip(duration_s=2.0, size=(96, 80))
    silent = make_clip("silent.mp4", duration_s=2.0, size=(96, 80), audio=False)
    with pytest.raises(MediaError, match=r"missing\.mp4"):
        detector.detect(request_for(tmp_path / "missing.mp4"), SILENT, ignore)
    with pytest.raises(MediaError, match="has no sound"):
        detector.detect(request_for(silent), SILENT, ignore)
    with pytest.raises(DetectionError):
        detector.detect(request_for(clip, DetectionConfig(start_s=60.0)), SILENT, ignore)
    with pytest.raises(CheckpointError):
        detector.detect(request_for(clip), SILENT, ignore)


@pytest.mark.usefixtures("home")
def test_a_clip_is_probed_once(make_clip: MakeClip, probed: list[Path]) -> None:
    clip = make_clip(duration_s=2.0)
    request = DetectRequest(clip, DetectionConfig(), EngineChoice("classical"))
    Detector().detect(request, SILENT, ignore)
    assert probed == [clip]
    assert earlier_detection(request, SILENT) is not None
    assert probed == [clip]
