import numpy as np
import pytest
from numpy.typing import NDArray

from training.data.window_positions import (
    Cut,
    TooShortError,
    centred_contrastive,
    crop_start,
    draw_contrastive,
    draw_sync,
    draw_synchability,
    fixed_sync,
    random_sync_at_test,
)

Goldens = dict[str, NDArray[np.float64]]

TEN_SECONDS = 250


def ranges(firsts: tuple[int, ...], length: int) -> NDArray[np.int64]:
    return np.array([(first, first + length) for first in firsts])


def assert_same_segments(cut: Cut, goldens: Goldens, stage: int) -> None:
    frames = ranges(tuple(first for first in cut.first_frames), 16)
    samples = ranges(cut.first_samples, 10240)
    np.testing.assert_array_equal(frames, goldens[f"geometry/stage{stage}/video_ranges"])
    np.testing.assert_array_equal(samples, goldens[f"geometry/stage{stage}/audio_ranges"])


def assert_inside(cut: Cut, n_frames: int) -> None:
    assert min(cut.first_frames) >= 0
    assert min(cut.first_samples) >= 0
    assert max(cut.first_frames) + 16 <= n_frames
    assert max(cut.first_samples) + 10240 <= 640 * n_frames


def lags(cut: Cut) -> set[int]:
    """Return how many samples later than the pictures the sound of each segment is taken."""
    pairs = zip(cut.first_samples, cut.first_frames, strict=True)
    return {sample - 640 * frame for sample, frame in pairs}


@pytest.mark.golden
def test_offset_window_lies_in_the_middle_of_its_crop(goldens: Goldens) -> None:
    assert_same_segments(fixed_sync(125, 0.0, 0.0), goldens, 2)


@pytest.mark.golden
def test_contrastive_segments_lie_in_the_middle_of_the_clip(goldens: Goldens) -> None:
    assert_same_segments(centred_contrastive(TEN_SECONDS), goldens, 1)


@pytest.mark.golden
def test_synchronizability_window_fills_its_crop(goldens: Goldens) -> None:
    # The only place where an offset of a whole crop fits into two crops.
    rng = np.random.default_rng(0)
    cut = next(
        cut
        for cut in (draw_synchability(rng, 224, jitter=False) for _ in range(100))
        if cut.offset_s == 4.48
    )
    expected = Cut(cut.first_frames, tuple(s - 71680 for s in cut.first_samples), 0.0, 0)
    assert_same_segments(expected, goldens, 3)


@pytest.mark.golden
def test_crops_begin_where_the_published_ones_do(goldens: Goldens) -> None:
    for start_s, offset_s, frame, sample, _ in goldens["geometry/starts"]:
        assert crop_start(start_s, offset_s) == (frame, sample)


@pytest.mark.golden
def test_given_offsets_get_the_published_class(goldens: Goldens) -> None:
    for offset_s, label in zip(
        goldens["grid/offsets"], goldens["grid/class_of_offset"], strict=True
    ):
        # Offsets are rounded to hundredths first, which these are.
        assert fixed_sync(1000, 10.0, offset_s).label == label


def test_positive_offset_takes_sound_from_later_in_the_clip() -> None:
    assert lags(fixed_sync(TEN_SECONDS, 1.0, 0.6)) == {9600}
    assert lags(fixed_sync(TEN_SECONDS, 3.0, -0.6)) == {-9600}


def test_sound_before_the_clip_by_less_than_a_frame_begins_with_it() -> None:
    assert fixed_sync(TEN_SECONDS, 1.97, -2.0).first_samples[0] == 1280
    with pytest.raises(TooShortError, match="before the clip"):
        fixed_sync(TEN_SECONDS, 1.9, -2.0)


def test_crop_behind_the_clip_is_refused() -> None:
    assert_inside(fixed_sync(TEN_SECONDS, 5.0, 0.0), TEN_SECONDS)
    with pytest.raises(TooShortError, match=r"10\.00 s, but 10\.04 s"):
        fixed_sync(TEN_SECONDS, 5.04, 0.0)
    with pytest.raises(TooShortError, match=r"but 11\.00 s"):
        fixed_sync(TEN_SECONDS, 4.0, 2.0)


@pytest.mark.parametrize("n_frames", [176, 226, TEN_SECONDS])
def test_training_windows_lie_in_the_clip_and_jitter_by_up_to_50_ms(n_frames: int) -> None:
    rng = np.random.default_rng(1)
    found = [draw_sync(rng, n_frames) for _ in range(2000)]
    jitters = []
    for cut in found:
        assert_inside(cut, n_frames)
        assert cut.label == round((cut.offset_s + 2) / 0.2)
        (lag,) = lags(cut)
        jitters.append(lag - 16000 * cut.offset_s)
    assert {cut.label for cut in found} == set(range(21))
    # Cutting off in the arithmetic moves sound by one sample more.
    assert -801 <= min(jitters) < -700
    assert 700 < max(jitters) <= 800


def test_windows_begin_anywhere_in_their_crop_in_training_only() -> None:
    # A clip with one place for the crop, for offset 0.
    def first_frames(draw: object) -> set[int]:
        rng = np.random.default_rng(2)
        found = set()
        while len(found) < 6 and rng.random() > 1e-3:
            try:
                found.add(draw(rng, 126).first_frames[0])  # type: ignore[operator]
            except TooShortError:
                continue
        return found

    assert first_frames(draw_sync) == set(range(6))
    assert first_frames(random_sync_at_test) == {2}


def test_windows_of_a_test_have_no_jitter() -> None:
    rng = np.random.default_rng(3)
    for cut in (random_sync_at_test(rng, TEN_SECONDS) for _ in range(500)):
        assert_inside(cut, TEN_SECONDS)
        (lag,) = lags(cut)
        assert -1 <= lag - 16000 * cut.offset_s <= 0


def test_clips_of_the_length_of_a_crop_are_refused() -> None:
    # Whatever the offset, 0 s included.
    for seed in range(60):
        with pytest.raises(TooShortError, match=r"5\.00 s"):
            draw_sync(np.random.default_rng(seed), 125)
        with pytest.raises(TooShortError, match=r"4\.48 s"):
            draw_synchability(np.random.default_rng(seed), 112)


@pytest.mark.parametrize("n_segments", [13, 14])
def test_half_of_the_windows_have_sound_of_another_time(n_segments: int) -> None:
    rng = np.random.default_rng(4)
    covered_s = 0.32 * (n_segments + 1)
    found = [draw_synchability(rng, TEN_SECONDS, n_segments=n_segments) for _ in range(1000)]
    for cut in found:
        assert_inside(cut, TEN_SECONDS)
        assert len(cut.first_frames) == n_segments
        assert (abs(cut.offset_s) == pytest.approx(covered_s)) == (cut.label == 0)
    assert 0.45 < np.mean([cut.label for cut in found]) < 0.55
    later = [cut.offset_s > 0 for cut in found if cut.label == 0]
    assert 0.4 < np.mean(later) < 0.6


@pytest.mark.parametrize(("n_segments", "n_least"), [(13, 224), (14, 240)])
def test_short_clips_do_not_only_have_windows_that_can_be_synchronized(
    n_segments: int, n_least: int
) -> None:
    for seed in range(60):
        rng = np.random.default_rng(seed)
        with pytest.raises(TooShortError, match=f"{n_least / 25:.2f} s"):
            draw_synchability(rng, n_least - 1, n_segments=n_segments)
        assert_inside(draw_synchability(rng, n_least, n_segments=n_segments), n_least)


def test_contrastive_segments_are_in_sync_but_for_a_common_jitter() -> None:
    rng = np.random.default_rng(6)
    found = [draw_contrastive(rng, TEN_SECONDS) for _ in range(500)]
    for cut in found:
        assert_inside(cut, TEN_SECONDS)
        (lag,) = lags(cut)
        assert abs(lag) <= 800
    assert {cut.first_frames[0] for cut in found} == set(range(27))
    assert max(max(lags(cut)) for cut in found) > 700


def test_segments_that_fill_the_clip_do_not_jitter() -> None:
    assert lags(draw_contrastive(np.random.default_rng(0), 224)) == {0}
    with pytest.raises(TooShortError, match=r"8\.92 s, but 14 segments need 8\.96 s"):
        draw_contrastive(np.random.default_rng(0), 223)
