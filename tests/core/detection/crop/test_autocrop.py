from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.detection.config import DetectionConfig
from core.detection.crop.autocrop import STAGE, plan_crops
from core.detection.crop_plan import CENTRE, CropPlan, ShotSquare, Square, centre_square
from core.media.decoder import ClipChunk, ClipDecoder
from core.media.probe import probe
from core.progress import SILENT, Progress

WIDE, VERTICAL = (454, 256), (256, 454)
EVENT_PX = 40

Place = tuple[int, int]


def _plans(
    path: Path, crop: str, first_frame: int = 0, n_frames: int | None = None
) -> tuple[CropPlan, ...]:
    with ClipDecoder(
        probe(path),
        video_stream_index=0,
        audio_stream_index=1,
        first_frame=first_frame,
        n_frames=n_frames,
    ) as decoder:
        return plan_crops(decoder, 200, DetectionConfig(crop=crop), SILENT)


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


def test_a_piece_of_a_clip_is_looked_at_alone(make_scene: Callable[..., Path]) -> None:
    clip = make_scene(WIDE, [(6.0, (50, 140)), (6.0, (400, 90))])
    (plan,) = _plans(clip, "auto", 150, 150)
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


def test_centre_reads_nothing() -> None:
    def refuse() -> Iterator[ClipChunk]:
        raise AssertionError
        yield

    assert plan_crops(refuse(), 1, DetectionConfig(crop="centre"), SILENT) == (CENTRE,)


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
    with ClipDecoder(probe(clip), video_stream_index=0, audio_stream_index=1) as decoder:
        plan_crops(decoder, 75, DetectionConfig(crop="auto"), recorder)
    assert {progress.stage for progress in recorder.seen} == {STAGE}
    fractions = [progress.fraction or 0 for progress in recorder.seen]
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1, abs=0.05)
