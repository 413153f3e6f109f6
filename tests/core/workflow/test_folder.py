import pytest

from core.detection.cached_detector import Cache, CacheLimits
from core.detection.config import DetectionConfig
from core.detection.engines.classical import ClassicalEngine
from core.detection.engines.open import EngineChoice
from core.errors import Cancelled, MediaError
from core.progress import SILENT
from core.workflow.folder import check_clips, find_clips


class Recorder:
    """Notes what is reported, and cancels once asked to."""

    def __init__(self, cancel_after=None):
        self.reports = []
        self.cancel_after = cancel_after

    def report(self, progress):
        self.reports.append(progress)

    def check(self):
        if self.cancel_after is not None and len(self.reports) > self.cancel_after:
            raise Cancelled


class BrokenEngine:
    """Fails in a way that nobody foresaw."""

    name = "broken"
    id = "broken"
    max_range_s = 2.0
    sees_square = False
    is_slow = False
    confidence_rule = None

    def start(self, config, monitor, clip):
        raise ZeroDivisionError("one by nothing")


@pytest.fixture
def check(tmp_path):
    """Checks clips with a cache of its own."""

    def check(paths, open_engine, monitor=SILENT, limits_mb=()):
        cache = Cache(tmp_path / "cache", "1.0", CacheLimits(*limits_mb))
        cached_detector = cache.cached_detector(EngineChoice("classical"))
        return check_clips(paths, open_engine, cached_detector, DetectionConfig(), monitor)

    return check


@pytest.fixture
def folder(tmp_path):
    for name in ("b.MOV", "a.mp4", "sub/c.mkv", "notes.txt", "song.wav", "._a.mp4", ".x/d.mp4"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"not media")
    return tmp_path


def names(folder, paths):
    return [path.relative_to(folder).as_posix() for path in paths]


def test_clips_are_found_by_suffix_in_any_case_and_sorted(folder):
    assert names(folder, find_clips(folder, recursive=False)) == ["a.mp4", "b.MOV"]
    assert names(folder, find_clips(folder, recursive=True)) == ["a.mp4", "b.MOV", "sub/c.mkv"]


@pytest.mark.parametrize("name", ["missing", "a.mp4"])
def test_what_is_no_folder_is_named(folder, name):
    with pytest.raises(MediaError, match=f"{name} cannot be read as a folder"):
        find_clips(folder / name, recursive=True)


def test_a_folder_without_clips_is_no_success(tmp_path):
    with pytest.raises(MediaError, match="holds no video files"):
        find_clips(tmp_path, recursive=True)


def test_one_bad_file_does_not_stop_the_others(folder, make_clip, check):
    good = make_clip("good.mp4", offset_s=0.3, duration_s=6.0)
    paths = [folder / "a.mp4", good, folder / "missing.mp4"]

    bad, analyzed, missing = check(paths, ClassicalEngine)

    assert bad.detection is None
    assert "a.mp4" in bad.error
    assert analyzed.error == ""
    assert analyzed.detection is not None
    assert analyzed.detection.estimate.offset_s == pytest.approx(0.3, abs=0.04)
    assert "missing.mp4" in missing.error


def test_an_unforeseen_failure_stays_with_its_file_and_is_logged(make_clip, caplog, check):
    clip = make_clip(duration_s=2.0)

    results = list(check([clip, clip], BrokenEngine))

    assert len(results) == 2
    assert "ZeroDivisionError" in results[0].error
    assert caplog.records[0].exc_info


def test_progress_is_that_of_the_whole_run(make_clip, check):
    clip = make_clip(duration_s=3.0)
    recorder = Recorder()
    list(check([clip, clip], ClassicalEngine, recorder, limits_mb=(0, 0)))

    fractions = [r.fraction for r in recorder.reports]
    assert fractions == sorted(fractions)
    assert 0.5 in fractions
    assert {r.stage for r in recorder.reports} == {"clip.mp4 (1 of 2)", "clip.mp4 (2 of 2)"}


def test_cancelling_ends_the_run(make_clip, check):
    clip = make_clip(duration_s=3.0)

    with pytest.raises(Cancelled):
        list(check([clip], ClassicalEngine, Recorder(cancel_after=1)))


def test_a_run_goes_on_where_an_earlier_one_ended_and_opens_no_engine_in_vain(make_clip, check):
    old, new = make_clip("old.mp4", duration_s=3.0), make_clip("new.mp4", duration_s=3.0, seed=1)
    opened = []

    def open_engine():
        opened.append("engine")
        return ClassicalEngine()

    (first,) = check([old], open_engine)
    assert not first.is_earlier
    assert [r.is_earlier for r in check([old, new], open_engine)] == [True, False]
    assert len(opened) == 2
    assert [r.is_earlier for r in check([old, new], open_engine)] == [True, True]
    assert len(opened) == 2


def test_a_folder_for_results_is_left_out(tmp_path):
    for name in ("a.mp4", "fixed/a.mp4", "day/fixed/b.mp4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    names = {"a.mp4", "day/fixed/b.mp4"}
    found = find_clips(tmp_path, recursive=True, left_out=tmp_path / "day" / ".." / "fixed")
    assert {path.relative_to(tmp_path).as_posix() for path in found} == names
    assert len(find_clips(tmp_path, recursive=True, left_out=tmp_path / "none")) == 3
