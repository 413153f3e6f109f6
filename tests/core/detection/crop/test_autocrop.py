import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
import pytest
import torch
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from core.detection.cache.clip_features import temporary_features
from core.detection.classical.engine import ClassicalEngine
from core.detection.config import DetectionConfig
from core.detection.crop.autocrop import STAGE, merge_squares, plan_crops
from core.detection.crop.plan import CENTRE, CropPlan, ShotSquare, Square, centre_square
from core.detection.detector import detect
from core.detection.engine import VisualFeatures
from core.detection.evidence import OffsetEvidence, offset_axis
from core.detection.report import detection_from_json, detection_to_json
from core.detection.result import Detection
from core.detection.synchformer.engine import SynchformerEngine
from core.detection.windows import Window
from core.media.decode import ClipDecoder
from core.media.probe import probe
from core.model.inputs import centre_crop, video_input
from core.model.synchformer import Synchformer
from core.progress import SILENT, Progress
from core.timing import AUDIO_RATE_HZ, VIDEO_FPS

WIDE, VERTICAL = (454, 256), (256, 454)
EVENT_PX = 40
EARLY_S = 0.36
"""The sound of all clips is so early: where to look does not depend on sync."""

Place = tuple[int, int]


@pytest.fixture
def make_scene(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes shots of a given length, each with its event at a place.

    A box flashes and bounces at the events, which are heard; another one does so as often at the
    place opposite, in silence or, if there are two sources, at the same events.
    """

    def make(
        size: tuple[int, int],
        shots: Sequence[tuple[float, Place]],
        *,
        is_silent: bool = False,
        has_two: bool = False,
    ) -> Path:
        rng = np.random.default_rng(4)
        end_s = sum(length_s for length_s, _ in shots)
        events, silent_events = (_event_times(rng, end_s) for _ in range(2))
        frames, begin_s = [], 0.0
        for number, (length_s, (x, y)) in enumerate(shots):
            back = _background(number, size)
            for time_s in begin_s + np.arange(round(length_s * VIDEO_FPS)) / VIDEO_FPS:
                picture = back.copy()
                _box(picture, (x, y), events, time_s)
                others = events if has_two else silent_events
                _box(picture, (size[0] - x, size[1] - y), others, time_s)
                frames.append(picture)
            begin_s += length_s
        path = tmp_path / "scene.mkv"
        _write(path, frames, _beeps(rng, events - EARLY_S, end_s) * np.float32(not is_silent))
        return path

    return make


def _event_times(rng: np.random.Generator, end_s: float) -> NDArray[np.float64]:
    times = 0.3 + np.cumsum(rng.uniform(0.3, 0.8, round(end_s / 0.3)))
    return times[times < end_s]


def _background(seed: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    columns, rows = (side // 16 + 1 for side in size)
    grey = np.random.default_rng(seed).integers(40, 160, (rows, columns), dtype=np.uint8)
    return np.kron(grey, np.ones((16, 16), np.uint8))[: size[1], : size[0]]


def _box(
    picture: NDArray[np.uint8], place: Place, events: NDArray[np.float64], time_s: float
) -> None:
    since = time_s - events[events <= time_s + 1e-6]
    lift = int(12 * np.exp(-since[-1] / 0.1)) if len(since) else 0
    left, top = place[0] - EVENT_PX // 2, place[1] - EVENT_PX // 2 - lift
    picture[max(top, 0) : top + EVENT_PX, left : left + EVENT_PX] = 190 + 5 * lift


def _beeps(
    rng: np.random.Generator, onsets: NDArray[np.float64], end_s: float
) -> NDArray[np.float32]:
    mono = rng.normal(0, 0.001, round(end_s * AUDIO_RATE_HZ))
    burst_s = np.arange(round(0.1 * AUDIO_RATE_HZ)) / AUDIO_RATE_HZ
    for first in (onsets[onsets > 0] * AUDIO_RATE_HZ).astype(int):
        room = len(mono[first : first + len(burst_s)])
        tone = 0.5 * np.exp(-burst_s / 0.03) * np.sin(2 * np.pi * 1500 * burst_s)
        mono[first : first + room] += tone[:room]
    return mono.astype(np.float32)


def _write(path: Path, frames: Sequence[NDArray[np.uint8]], mono: NDArray[np.float32]) -> None:
    height, width = frames[0].shape
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=VIDEO_FPS, options={"preset": "ultrafast"})
        audio = container.add_stream("pcm_s16le", rate=AUDIO_RATE_HZ, layout="mono")
        assert isinstance(video, VideoStream)
        assert isinstance(audio, AudioStream)
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        samples = (mono * 32767).astype(np.int16)[None]
        sound = AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        sound.sample_rate, sound.pts, sound.time_base = AUDIO_RATE_HZ, 0, Fraction(1, AUDIO_RATE_HZ)
        for picture in frames:
            container.mux(video.encode(VideoFrame.from_ndarray(picture, "gray")))
        container.mux(video.encode(None))
        container.mux(audio.encode(sound))
        container.mux(audio.encode(None))


def _plans(path: Path, crop: str, **options: float) -> tuple[CropPlan, ...]:
    return plan_crops(probe(path), 0, 1, DetectionConfig(crop=crop, **options), SILENT)  # type: ignore[arg-type]


def _contains(square: Square | None, place: Place, size: tuple[int, int]) -> bool:
    square = square or centre_square(*size)
    starts = (square.left_px, square.top_px)
    reach = EVENT_PX // 2
    return all(
        start <= at - reach and at + reach <= start + square.side_px
        for start, at in zip(starts, place, strict=True)
    )


@pytest.mark.parametrize(
    ("size", "place"),
    [(WIDE, (50, 140)), (WIDE, (400, 90)), (VERTICAL, (120, 60)), (VERTICAL, (140, 400))],
)
def test_event_off_the_centre_lies_within_the_square(
    make_scene: Callable[..., Path], size: tuple[int, int], place: Place
) -> None:
    (plan,) = _plans(make_scene(size, [(8.0, place)]), "auto")
    square = plan.square_at(100)
    assert square is not None
    assert square.side_px == 224
    assert _contains(square, place, size)
    assert 0 <= square.left_px <= size[0] - 224
    assert 0 <= square.top_px <= size[1] - 224


@pytest.mark.parametrize("size", [WIDE, VERTICAL])
def test_event_in_the_centre_keeps_the_published_crop(
    make_scene: Callable[..., Path], size: tuple[int, int]
) -> None:
    place = (size[0] // 2 - 30, size[1] // 2 + 30)
    assert _plans(make_scene(size, [(8.0, place)]), "auto") == (CENTRE,)


def test_each_shot_has_its_own_square(make_scene: Callable[..., Path]) -> None:
    places = [(50, 140), (400, 90), (50, 140)]
    (plan,) = _plans(make_scene(WIDE, [(6.0, place) for place in places]), "auto")
    assert [shot.first_frame for shot in plan.shots] == [0, 150, 300]
    for shot, place in zip(plan.shots, places, strict=True):
        assert _contains(shot.square, place, WIDE)


def test_silence_keeps_the_centre(make_scene: Callable[..., Path]) -> None:
    assert _plans(make_scene(WIDE, [(6.0, (50, 140))], is_silent=True), "auto") == (CENTRE,)


def test_still_picture_keeps_the_centre(make_clip: Callable[..., Path]) -> None:
    assert _plans(make_clip(still=True, duration_s=6.0, size=WIDE), "auto") == (CENTRE,)


def test_region_alone_is_looked_at(make_scene: Callable[..., Path]) -> None:
    clip = make_scene(WIDE, [(6.0, (50, 140)), (6.0, (400, 90))])
    (plan,) = _plans(clip, "auto", start_s=6.0, end_s=12.0)
    assert len(plan.shots) == 1
    assert _contains(plan.square_at(200), (400, 90), WIDE)


def test_multi_looks_at_all_that_moves_with_the_sound(make_scene: Callable[..., Path]) -> None:
    clip = make_scene(WIDE, [(6.0, (50, 140))], has_two=True)
    plans = _plans(clip, "multi")
    assert 2 <= len(plans) <= 3
    assert len(set(plans)) == len(plans)
    for place in ((50, 140), (404, 116)):
        assert any(_contains(plan.square_at(100), place, WIDE) for plan in plans)


def test_multi_looks_once_where_one_place_is_certain(make_scene: Callable[..., Path]) -> None:
    clip = make_scene(WIDE, [(6.0, (50, 140))])
    assert _plans(clip, "multi") == _plans(clip, "auto")


def test_stated_square_is_used_all_along(make_scene: Callable[..., Path]) -> None:
    clip = make_scene(VERTICAL, [(2.0, (120, 60))])
    square = Square(0, 0, 128)
    assert _plans(clip, "0.1,0.1,0.5") == (CropPlan((ShotSquare(0, square),)),)
    assert _plans(clip, "0.5,0.5,0.875") == (CENTRE,)


def test_centre_reads_nothing(make_clip: Callable[..., Path]) -> None:
    info = probe(make_clip(duration_s=1.0))
    info.path.unlink()
    assert plan_crops(info, 0, 1, DetectionConfig(crop="centre"), SILENT) == (CENTRE,)


def test_progress_grows_to_the_whole(make_scene: Callable[..., Path]) -> None:
    class Recorder:
        def __init__(self) -> None:
            self.seen: list[Progress] = []

        def report(self, progress: Progress) -> None:
            self.seen.append(progress)

        def check(self) -> None:
            pass

    recorder = Recorder()
    clip = make_scene(WIDE, [(3.0, (50, 140))])
    plan_crops(probe(clip), 0, 1, DetectionConfig(crop="auto"), recorder)
    assert {progress.stage for progress in recorder.seen} == {STAGE}
    fractions = [progress.fraction or 0 for progress in recorder.seen]
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1, abs=0.05)


class _SmallNetwork:
    """Has the methods of Synchformer and keeps the first picture of each segment."""

    def __init__(self) -> None:
        self.pictures: list[torch.Tensor] = []

    def encode_video(self, video: torch.Tensor) -> torch.Tensor:
        self.pictures += list(video[:, 0, 0])
        return video.mean(dim=(3, 4, 5))[:, :, ::2, None].repeat(1, 1, 1, 4)

    def encode_audio(self, mel: torch.Tensor) -> torch.Tensor:
        return mel.mean(dim=3)[..., :6].transpose(2, 3).repeat(1, 1, 1, 4)

    def fuse(self, visual: torch.Tensor, audio: torch.Tensor) -> torch.Tensor:
        mixed = visual.mean(dim=(2, 3)) + audio.mean(dim=(2, 3))  # (B, 14)
        return torch.cat([mixed, mixed.flip(1)[:, :7]], dim=1)


def _detect(
    clip: Path, crop: str, features: VisualFeatures | None = None
) -> tuple[Detection, _SmallNetwork]:
    network = _SmallNetwork()
    device, dtype = torch.device("cpu"), torch.float32
    engine = SynchformerEngine(cast(Synchformer, network), "small", "small", device, dtype, 8)
    config = DetectionConfig(crop=crop, shift_step_s=0)
    return detect(clip, engine, config, features=features), network


def test_network_sees_the_square_and_the_answer_tells(make_scene: Callable[..., Path]) -> None:
    clip = make_scene(WIDE, [(6.0, (50, 140))])
    centred, network = _detect(clip, "centre")
    assert centred.crops == (CENTRE,)
    info = probe(clip)
    with ClipDecoder(info, video_stream_index=0, audio_stream_index=1) as decoder:
        frames = np.concatenate([chunk.frames for chunk in decoder])
    expected = video_input(torch.from_numpy(centre_crop(frames[2:18]).copy())[None])[0, 0]
    assert torch.equal(network.pictures[0], expected)
    moved, other_network = _detect(clip, "auto")
    (plan,) = moved.crops
    square = plan.square_at(2)
    assert square is not None
    left = square.left_px
    cut = frames[2:18, square.top_px : square.top_px + 224, left : left + 224]
    assert torch.equal(
        other_network.pictures[0], video_input(torch.from_numpy(cut.copy())[None])[0, 0]
    )
    document = json.loads(json.dumps(detection_to_json(moved)))
    assert detection_from_json(document).crops == moved.crops


def test_several_squares_make_one_answer(make_scene: Callable[..., Path]) -> None:
    clip = make_scene(VERTICAL, [(6.0, (120, 60))], has_two=True)
    several, _ = _detect(clip, "multi")
    assert len(several.crops) > 1
    assert len({item.window for item in several.evidence}) == len(several.evidence)


def test_squares_of_which_some_are_known_wait_for_the_others(
    make_scene: Callable[..., Path],
) -> None:
    clip, memory = make_scene(VERTICAL, [(8.0, (120, 60))], has_two=True), temporary_features()
    _detect(clip, "auto", memory)
    several, _ = _detect(clip, "multi", memory)
    anew, _ = _detect(clip, "multi")
    assert len(several.crops) > 1
    for found, expected in zip(several.evidence, anew.evidence, strict=True):
        assert found.window == expected.window
        np.testing.assert_array_equal(found.log_likelihood, expected.log_likelihood)


def test_engine_that_sees_everything_has_no_square(make_scene: Callable[..., Path]) -> None:
    clip = make_scene(WIDE, [(6.0, (50, 140))])
    assert detect(clip, ClassicalEngine(), DetectionConfig(crop="auto")).crops == ()


def _evidence(offset_s: float | None, first_frame: int = 0) -> OffsetEvidence:
    axis = offset_axis(2.0)
    told = np.zeros(len(axis)) if offset_s is None else -((axis - offset_s) ** 2) / 0.005
    return OffsetEvidence(Window(0, first_frame), axis, told.astype(np.float32), 0.1)


def test_the_square_that_says_something_decides() -> None:
    told = replace(_evidence(0.5), synchronizability=0.8)
    (merged,) = merge_squares([[_evidence(None)], [told], [_evidence(None)]])
    assert merged.axis_s[merged.log_likelihood.argmax()] == pytest.approx(0.5)
    assert merged.synchronizability == 0.8
    peaks = told.probabilities.max(), merged.probabilities.max()
    assert peaks[1] < peaks[0]


def test_squares_that_agree_say_no_more_than_one() -> None:
    one = [_evidence(0.5), _evidence(0.4, 8)]
    for merged, single in zip(merge_squares([one, one]), one, strict=True):
        np.testing.assert_allclose(merged.probabilities, single.probabilities, rtol=1e-4)


def test_squares_of_other_windows_cannot_be_merged() -> None:
    with pytest.raises(ValueError, match="one window"):
        merge_squares([[_evidence(0.5)], [_evidence(0.5, 8)]])
