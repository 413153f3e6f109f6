from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from core.detection.answer.confidence import ConfidenceFeatures, ConfidenceRule
from core.detection.answer.map_search import cause_of, find_sync_map
from core.detection.config import DetectionConfig
from core.detection.detect import detect
from core.detection.engines.open import EngineChoice, open_engine
from core.detection.evidence import OffsetEvidence, offset_axis
from core.detection.sync_map import DriftCause, MapKind, Piece, SyncMap
from core.detection.windows import plan_windows
from core.timing import VIDEO_FPS, TimeSpan

Truth = Callable[[NDArray[np.float64]], NDArray[np.float64]]

CONFIG = DetectionConfig()
PEAK_S = 0.03
FLAT, WRONG = 0.3, 0.1
BLOCK_FRAMES = 120


def _evidence(
    truth: Truth,
    duration_s: float,
    *,
    seed: int = 0,
    range_s: float = 2.0,
    resolution_s: float = 0.02,
    flat: float = FLAT,
    hop_segments: int = 1,
) -> list[OffsetEvidence]:
    """Windows over blocks of 4.8 s, some of them flat or confidently wrong."""
    rng = np.random.default_rng(seed)
    axis = offset_axis(range_s)
    n_blocks = int(duration_s * VIDEO_FPS) // BLOCK_FRAMES + 2
    state, error_s = rng.random(n_blocks), rng.normal(0, PEAK_S, n_blocks)
    wrong_s = rng.uniform(-1.9, 1.9, n_blocks)
    evidence = []
    for window in plan_windows(0, int(duration_s * VIDEO_FPS), hop_segments):
        frames = window.first_frame + np.arange(0, BLOCK_FRAMES, 8)
        block = frames // BLOCK_FRAMES
        centre_s = truth(frames / VIDEO_FPS) + error_s[block]
        is_wrong = (state[block] >= flat) & (state[block] < flat + WRONG)
        centre_s = np.where(is_wrong, wrong_s[block], centre_s)[state[block] >= flat]
        peaks = np.exp(-0.5 * ((axis - centre_s[:, None]) / PEAK_S) ** 2).sum(axis=0) / len(frames)
        likelihood = np.log(peaks + 2e-3).astype(np.float32)
        evidence.append(OffsetEvidence(window, axis, likelihood, resolution_s))
    return evidence


def _constant(offset_s: float) -> Truth:
    return lambda times_s: np.full(len(times_s), offset_s)


def _drift(start_s: float, ppm: float) -> Truth:
    return lambda times_s: start_s + 1e-6 * ppm * times_s


def _steps(*steps: tuple[float, float]) -> Truth:
    """Offsets with the time from which each of them holds."""
    starts_s, offsets_s = (np.array(values) for values in zip(*steps, strict=True))
    return lambda times_s: offsets_s[np.searchsorted(starts_s, times_s, side="right") - 1]


@pytest.mark.parametrize("seed", range(3))
def test_constant_offset_is_never_called_drift_or_jump(seed: int) -> None:
    found = find_sync_map(_evidence(_constant(0.16), 300, seed=seed, flat=0.5), CONFIG)
    assert found is not None
    assert found.kind is MapKind.CONSTANT
    assert found.pieces[0].start_offset_s == pytest.approx(0.16, abs=0.03)
    assert (found.drift_ppm, found.stretch) == (0.0, 1.0)


@pytest.mark.parametrize("ppm", [1000, -1000])
def test_drift_is_found_with_its_rate_and_cause(ppm: float) -> None:
    found = find_sync_map(_evidence(_drift(0.04, ppm), 300), CONFIG)
    assert found is not None
    assert found.kind is MapKind.DRIFT
    assert found.drift_ppm == pytest.approx(ppm, abs=150)
    assert found.offset_at(0) == pytest.approx(0.04, abs=0.03)
    assert found.offset_at(300) == pytest.approx(0.04 + 3e-4 * ppm, abs=0.03)
    assert found.cause is (DriftCause.WHOLE_AS_NTSC if ppm > 0 else DriftCause.NTSC_AS_WHOLE)


def test_clocks_are_distinguished_from_frame_rates() -> None:
    found = find_sync_map(_evidence(_drift(0.0, 150), 1200, hop_segments=6), CONFIG)
    assert found is not None
    assert found.drift_ppm == pytest.approx(150, abs=50)
    assert found.cause is DriftCause.CLOCK


def test_drift_that_leaves_the_range_ends_there() -> None:
    evidence = _evidence(_drift(1.5, -1e6 / 24), 180, flat=0.0)
    found = find_sync_map(evidence, CONFIG)
    assert found is not None
    assert found.kind is MapKind.DRIFT
    assert found.drift_ppm == pytest.approx(-1e6 / 24, rel=0.02)
    assert found.pieces[0].span.end_s == pytest.approx(3.5 * 24, abs=4)
    assert found.pieces[0].end_offset_s == pytest.approx(-2.0, abs=0.15)


@pytest.mark.parametrize("size_s", [0.16, -0.4])
def test_jump_is_found_with_its_time(size_s: float) -> None:
    found = find_sync_map(_evidence(_steps((0, 0.1), (130, 0.1 + size_s)), 300), CONFIG)
    assert found is not None
    assert found.kind is MapKind.JUMPS
    first, second = found.pieces
    assert first.span.end_s == second.span.start_s
    assert abs(second.span.start_s - 130) <= second.start_margin_s + 0.5 < 8
    assert first.start_margin_s == 0
    assert first.start_offset_s == pytest.approx(0.1, abs=0.03)
    assert second.start_offset_s == pytest.approx(0.1 + size_s, abs=0.03)
    assert found.offset_at(10) == first.start_offset_s
    assert found.offset_at(299) == second.start_offset_s


def test_several_jumps_are_found() -> None:
    truth = _steps((0, 0.0), (80, 0.3), (160, -0.2), (230, 0.3))
    found = find_sync_map(_evidence(truth, 300, seed=1), CONFIG)
    assert found is not None
    times_s = [piece.span.start_s for piece in found.pieces]
    assert times_s == pytest.approx([0, 80, 160, 230], abs=5)
    offsets_s = [piece.start_offset_s for piece in found.pieces]
    assert offsets_s == pytest.approx([0.0, 0.3, -0.2, 0.3], abs=0.03)


def test_jump_between_windows_that_lie_far_apart_is_found() -> None:
    truth = _steps((0, 0.1), (1010, 0.5))
    found = find_sync_map(_evidence(truth, 2000, hop_segments=190), CONFIG)
    assert found is not None
    assert found.kind is MapKind.JUMPS
    assert abs(found.pieces[1].span.start_s - 1010) <= found.pieces[1].start_margin_s < 61


def test_change_below_the_resolution_of_the_evidence_is_ignored() -> None:
    evidence = _evidence(_steps((0, 0.0), (150, 0.15)), 300, resolution_s=0.1)
    found = find_sync_map(evidence, CONFIG)
    assert found is not None
    assert found.kind is not MapKind.JUMPS


def test_flat_evidence_has_no_map() -> None:
    assert find_sync_map(_evidence(_constant(0.1), 60, flat=1.0), CONFIG) is None
    assert find_sync_map([], CONFIG) is None


@pytest.mark.parametrize("seed", [1, 6])
def test_contradictory_windows_are_not_called_drift_or_jump(seed: int) -> None:
    foreign = np.random.default_rng(seed).uniform(-1.9, 1.9, 100)
    truth = _steps(*((4.8 * n, offset) for n, offset in enumerate(foreign)))
    found = find_sync_map(_evidence(truth, 300, seed=seed), CONFIG)
    assert found is None or found.kind is MapKind.CONSTANT


@pytest.mark.parametrize(
    "truth", [_constant(0.16), _drift(0.04, -1000), _steps((0, 0.1), (130, 0.5))]
)
def test_map_is_no_more_confident_than_the_rule_allows(truth: Truth) -> None:
    evidence = _evidence(truth, 300)
    sure, doubtful = (ConfidenceRule(log_odds, 0.0, 0.0, 0.0) for log_odds in (3.0, 0.5))
    found = find_sync_map(evidence, CONFIG, rule=sure)
    assert found is not None
    assert found.confidence == pytest.approx(sure.confidence(ConfidenceFeatures(0, 0, 0)), abs=0.01)
    assert find_sync_map(evidence, CONFIG, rule=doubtful) is None


@pytest.mark.parametrize("truth", [_drift(0.04, -1000), _steps((0, 0.1), (130, 0.5))])
def test_second_opinion_counts_along_the_map(truth: Truth) -> None:
    evidence = _evidence(truth, 300, seed=3)
    rule = ConfidenceRule(0.0, 0.0, 0.0, 2.0)
    assert find_sync_map(evidence, CONFIG, rule=rule) is None
    found = find_sync_map(evidence, CONFIG, rule=rule, second=_evidence(truth, 300, seed=4))
    assert found is not None
    assert found.kind is not MapKind.CONSTANT


@pytest.mark.parametrize("duration_s", [3.0, 5.0, 12.0])
def test_short_clip_has_a_constant_at_most(duration_s: float) -> None:
    found = find_sync_map(_evidence(_constant(0.3), duration_s, flat=0.0, seed=2), CONFIG)
    assert found is None or found.kind is MapKind.CONSTANT


def test_order_of_the_windows_does_not_matter() -> None:
    evidence = _evidence(_steps((0, 0.1), (60, 0.5)), 120)
    shuffled = [evidence[i] for i in np.random.default_rng(0).permutation(len(evidence))]
    assert find_sync_map(shuffled, CONFIG) == find_sync_map(evidence, CONFIG)


def _in_two_places(
    truth: Truth, end_s: float, until_s: float, from_s: float
) -> list[OffsetEvidence]:
    evidence = _evidence(truth, end_s, flat=0.0, seed=1)
    spans = ((item, item.window.span) for item in evidence)
    return [item for item, span in spans if span.end_s <= until_s or span.start_s >= from_s]


@pytest.mark.parametrize(("end_s", "until_s", "from_s"), [(300, 40, 260), (660, 60, 600)])
def test_jump_between_two_distant_parts_lies_somewhere_between(
    end_s: float, until_s: float, from_s: float
) -> None:
    truth = _steps((0, -0.9), (end_s / 2, 0.9))
    found = find_sync_map(_in_two_places(truth, end_s, until_s, from_s), CONFIG)
    assert found is not None
    assert found.kind is MapKind.JUMPS
    second = found.pieces[1]
    assert abs(second.span.start_s - end_s / 2) <= second.start_margin_s
    assert [piece.start_offset_s for piece in found.pieces] == pytest.approx([-0.9, 0.9], abs=0.04)


@pytest.mark.parametrize(("end_s", "until_s", "from_s"), [(300, 40, 260), (660, 60, 600)])
def test_drift_is_not_claimed_from_its_ends_alone(
    end_s: float, until_s: float, from_s: float
) -> None:
    truth = _drift(0.0, 1e6 * 0.3 / end_s)
    found = find_sync_map(_in_two_places(truth, end_s, until_s, from_s), CONFIG)
    assert found is None or found.kind is not MapKind.DRIFT


def test_change_within_the_margins_is_no_change() -> None:
    evidence = _evidence(_steps((0, 0.1), (130, 0.24)), 300, flat=0.0)
    surer = find_sync_map(evidence, CONFIG)
    assert surer is not None
    assert surer.kind is MapKind.JUMPS
    broad = ConfidenceRule(5.0, 0.0, 0.0, 0.0, spread_share=2.5)
    found = find_sync_map(evidence, CONFIG, rule=broad)
    assert found is None or found.kind is MapKind.CONSTANT


@pytest.mark.slow
def test_hour_is_mapped_in_seconds() -> None:
    found = find_sync_map(_evidence(_steps((0, 0.1), (2000, 0.3)), 3600), CONFIG)
    assert found is not None
    assert [piece.span.start_s for piece in found.pieces] == pytest.approx([0, 2000], abs=5)


@pytest.mark.parametrize(
    ("ppm", "half_ppm", "cause"),
    [
        (-1010, 90, DriftCause.NTSC_AS_WHOLE),
        (940, 90, DriftCause.WHOLE_AS_NTSC),
        (1000, 900, DriftCause.NONE),
        (30, 20, DriftCause.NONE),
        (60, 20, DriftCause.CLOCK),
        (2000, 100, DriftCause.NONE),
        (-41_600, 200, DriftCause.FILM_AS_PAL),
        (-42_700, 800, DriftCause.NTSC_FILM_AS_PAL),
        (81_000, 400, DriftCause.CD_AS_VIDEO),
    ],
)
def test_cause_is_named_only_where_the_rate_is_sure(
    ppm: float, half_ppm: float, cause: DriftCause
) -> None:
    # Of 30 ± 20 ppm, half is less than the margin.
    assert cause_of(ppm, (ppm - half_ppm, ppm + half_ppm)) is cause


def _piece(start_s: float, end_s: float, *offsets_s: float) -> Piece:
    first, last = offsets_s[0], offsets_s[-1]
    intervals = ((first - 0.02, first + 0.02), (last - 0.02, last + 0.02))
    return Piece(TimeSpan(start_s, end_s), first, last, *intervals)


@pytest.mark.parametrize("cause", [DriftCause.NONE, DriftCause.NTSC_AS_WHOLE])
def test_stretch_and_delay_correct_a_drift(cause: DriftCause) -> None:
    drift = SyncMap(MapKind.DRIFT, (_piece(0, 300, 0.05, -0.25),), -1000.0, (-1050, -950), cause)
    for video_s in (0.0, 150.0, 300.0):
        audio_s = video_s - drift.offset_at(video_s)
        assert audio_s * drift.stretch + drift.delay_s == pytest.approx(video_s, abs=2e-3)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("offset_at", "kind"),
    [
        (lambda t: 0.08 if t < 30 else -0.32, MapKind.JUMPS),
        (lambda t: 0.1 - 4e-3 * t, MapKind.DRIFT),
    ],
)
def test_file_with_a_changing_offset_is_mapped(
    make_clip: Callable[..., Path], offset_at: Callable[[float], float], kind: MapKind
) -> None:
    clip = make_clip(offset_s=offset_at, duration_s=60.0, size=(160, 128))
    found = detect(clip, open_engine(EngineChoice("builtin")), CONFIG).sync_map
    assert found is not None
    assert found.kind is kind
    for time_s in (5.0, 25.0, 35.0, 55.0):
        assert found.offset_at(time_s) == pytest.approx(offset_at(time_s), abs=0.04)
