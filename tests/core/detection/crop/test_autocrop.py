from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from core.detection.config import DetectionConfig
from core.detection.crop.autocrop import (
    CENTRE_SHARE,
    STAGE,
    best_squares,
    plan_crops,
    source_maps,
)
from core.detection.crop.motion_map import ShotMotion
from core.detection.crop_plan import CENTRE, CropPlan, ShotSquare, Square, centre_square
from core.media.decoder import ClipChunk, ClipDecoder
from core.media.probe import probe
from core.progress import SILENT, Progress

WIDE, VERTICAL = (454, 256), (256, 454)
EVENT_PX = 40
ROWS, COLUMNS, N_LAGS = 16, 28, 51

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


def test_still_video_keeps_the_centre(make_clip: Callable[..., Path]) -> None:
    assert _plans(make_clip(still=True, duration_s=6.0, size=WIDE), "auto") == (CENTRE,)


def test_part_of_a_clip_has_a_plan_of_its_own(make_scene: Callable[..., Path]) -> None:
    clip = make_scene(WIDE, [(6.0, (50, 140)), (6.0, (400, 90))])
    (plan,) = _plans(clip, "auto", 150, 150)
    assert len(plan.shots) == 1
    assert _contains(plan.square_at(200), (400, 90), WIDE)


def test_multi_has_a_square_for_each_audio_source(make_scene: Callable[..., Path]) -> None:
    clip = make_scene(WIDE, [(6.0, (50, 140))], has_two=True)
    plans = _plans(clip, "multi")
    assert 2 <= len(plans) <= 3
    assert len(set(plans)) == len(plans)
    for place in ((50, 140), (404, 116)):
        assert any(_contains(plan.square_at(100), place, WIDE) for plan in plans)


def test_multi_has_one_square_for_one_certain_source(make_scene: Callable[..., Path]) -> None:
    clip = make_scene(WIDE, [(6.0, (50, 140))])
    assert _plans(clip, "multi") == _plans(clip, "auto")


def test_stated_square_is_used_throughout(make_scene: Callable[..., Path]) -> None:
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
            self.reports: list[Progress] = []

        def report(self, progress: Progress) -> None:
            self.reports.append(progress)

        def check(self) -> None:
            pass

    recorder = Recorder()
    clip = make_scene(WIDE, [(3.0, (50, 140))])
    with ClipDecoder(probe(clip), video_stream_index=0, audio_stream_index=1) as decoder:
        plan_crops(decoder, 75, DetectionConfig(crop="auto"), recorder)
    assert {progress.stage for progress in recorder.reports} == {STAGE}
    fractions = [progress.fraction or 0 for progress in recorder.reports]
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1, abs=0.05)


def _source(*places: tuple[int, int, float]) -> NDArray[np.float64]:
    """Put probabilities on cells, (row, column, probability)."""
    source = np.zeros((ROWS, COLUMNS))
    for row, column, probability in places:
        source[row, column] = probability
    return source.ravel()


def _shot(first_frame: int, cell: int, lag: int, log_likelihood: float) -> ShotMotion:
    n_cells = ROWS * COLUMNS
    table = np.zeros((2, n_cells, N_LAGS), np.float32)
    table[0, cell, lag] = log_likelihood
    faces = np.zeros(n_cells, np.float32)
    return ShotMotion(first_frame, np.ones((2, n_cells), np.float32), table, faces)


@pytest.mark.parametrize("likely", [1.0, 0.1])
@pytest.mark.parametrize(("more", "is_moved"), [(0.05, False), (-0.05, True)])
def test_square_leaves_the_centre_only_if_it_is_clearly_better(
    likely: float, more: float, is_moved: bool
) -> None:
    source = _source((8, 2, likely), (8, 18, (CENTRE_SHARE + more) * likely))
    found = best_squares(source, *WIDE, 1)
    assert (found != [centre_square(*WIDE)]) is is_moved


def test_face_decides_without_correlated_motion() -> None:
    shot = _shot(0, 400, 20, 4.0)
    shot.faces[5] = 0.9
    (source,) = source_maps([shot])
    assert source[5] > 2 * source[400]


def test_face_does_not_outvote_clearly_correlated_motion() -> None:
    shot = _shot(0, 400, 20, 30.0)
    shot.faces[5] = 1.0
    (source,) = source_maps([shot])
    assert source[400] > 0.9


def test_correlated_motion_decides_between_two_faces() -> None:
    shot = _shot(0, 400, 20, 7.0)
    shot.faces[[5, 400]] = 0.5
    (source,) = source_maps([shot])
    assert source[400] > 2 * source[5]


def test_source_lies_in_the_middle_of_its_square_where_possible() -> None:
    (square,) = best_squares(_source((8, 21, 1.0)), *WIDE, 1)
    assert square.left_px + 112 == pytest.approx(21.5 * 16, abs=8)
    assert best_squares(_source((8, 27, 1.0)), *WIDE, 1)[0].left_px == 454 - 224


def test_second_square_holds_the_source_outside_of_the_first() -> None:
    source = _source((8, 2, 0.6), (8, 25, 0.3), (8, 14, 0.02))
    first, second = best_squares(source, *WIDE, 3)
    assert first.left_px < 32
    assert second.left_px + 224 > 25 * 16 + 16


def test_square_frame_leaves_no_choice() -> None:
    (square,) = best_squares(np.eye(1, 256, 0).ravel(), 256, 256, 1)
    assert square == Square(0, 0)


def test_uncorrelated_motion_favours_no_cell() -> None:
    (source,) = source_maps([_shot(0, 5, 20, 0.0)])
    assert source.sum() == pytest.approx(0.5)
    assert source.max() == pytest.approx(source.min())


def test_lag_of_other_shots_supports_a_weak_shot() -> None:
    strong, weak = _shot(0, 5, 20, 20.0), _shot(100, 300, 20, 9.0)
    alone = source_maps([weak])[0][300]
    helped = source_maps([strong, weak])[1][300]
    hindered = source_maps([_shot(0, 5, 40, 20.0), weak])[1][300]
    assert hindered <= alone < helped
