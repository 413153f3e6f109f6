import json
import os
import sqlite3
from dataclasses import replace

import numpy as np
import pytest

from core.detection.answer.verdict import with_tolerance
from core.detection.cached_detector import Cache, CacheLimits
from core.detection.config import DetectionConfig
from core.detection.engines.classical import ClassicalEngine
from core.detection.engines.open import EngineChoice
from core.detection.schedule.scope import read_scope, scope_of
from core.detection.serialize import detection_to_json
from core.media.probe import probe
from core.timing import Tolerance

CLASSICAL = EngineChoice("classical")
DEFAULTS = DetectionConfig()


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "cache", "1.0", CacheLimits())


@pytest.fixture
def clip(make_clip):
    return make_clip(duration_s=2.0, offset_s=0.2)


def detected(cache, clip, engine=None, choice=CLASSICAL, config=DEFAULTS, **options):
    scope = read_scope(clip, config)
    return cache.cached_detector(choice).detect(scope, engine or ClassicalEngine(), **options)


@pytest.fixture
def analyzed(cache, clip):
    return detected(cache, clip)


def earlier(cache, path, choice=CLASSICAL, config=DEFAULTS):
    return cache.cached_detector(choice).earlier(path, config)


def text(detection):
    return json.dumps(detection_to_json(detection))


def test_an_earlier_answer_is_the_same_document(cache, clip, analyzed):
    found = earlier(cache, clip)
    assert found is not analyzed
    assert text(found) == text(analyzed)


def test_an_answer_follows_its_file(cache, clip, analyzed, tmp_path):
    moved = clip.rename(tmp_path / "renamed.mp4")
    found = earlier(cache, moved)
    assert found.info == replace(analyzed.info, path=moved)
    assert earlier(cache, clip) is None


def test_a_file_that_changed_has_no_answer(cache, clip, analyzed):
    with clip.open("r+b") as file:
        file.seek(clip.stat().st_size // 2)
        file.write(b"changed")
    assert earlier(cache, clip) is None


def test_every_option_asks_anew(cache, clip, analyzed):
    for change in (
        {"hop_s": 1.6},
        {"range_s": 1.0},
        {"level": 0.95},
        {"audio_stream_index": 1},
        {"simulate_offset_s": 0.1},
        {"window_start_s": 0.0},
        {"start_s": 1.0},
        {"end_s": 2.0},
        {"until_s": 0.02},
        {"budget_s": 30.0},
        {"crop": "centre"},
        {"shift_step_s": 0.0},
    ):
        assert earlier(cache, clip, config=replace(DEFAULTS, **change)) is None, change
    assert earlier(cache, clip) is not None


def test_another_tolerance_is_applied_to_the_same_answer(cache, clip, analyzed):
    generous = Tolerance("generous", "Generous", 1.5, 1.5)
    found = earlier(cache, clip, config=replace(DEFAULTS, tolerance=generous))
    assert found is not None
    assert found.config.tolerance == generous
    assert found.estimate.offset_s == analyzed.estimate.offset_s
    assert found.estimate == with_tolerance(analyzed, generous).estimate


def test_another_engine_or_arithmetic_is_asked_anew(cache, clip, analyzed):
    for change in ({"model": "builtin"}, {"precision": "float32"}, {"device": "cpu"}):
        assert earlier(cache, clip, replace(CLASSICAL, **change)) is None, change


def test_other_weights_of_the_same_name_are_asked_anew(cache, clip, tmp_path, monkeypatch):
    weights = tmp_path / "weights.safetensors"
    weights.write_bytes(b"some")
    monkeypatch.setattr("core.detection.engines.open.builtin_weights", lambda: weights)
    for choice in (EngineChoice("builtin"), EngineChoice(str(weights))):
        detected(cache, clip, choice=choice)
        assert earlier(cache, clip, choice)
        weights.write_bytes(weights.read_bytes() + b" more")
        assert earlier(cache, clip, choice) is None


def test_another_version_of_the_application_asks_anew(cache, clip, analyzed):
    assert earlier(Cache(cache.folder, "1.1", CacheLimits()), clip) is None
    assert earlier(Cache(cache.folder, "1.0", CacheLimits()), clip) is not None


def test_a_file_that_changes_while_it_is_analyzed_leaves_no_answer(cache, clip):
    def on_evidence(_):
        os.utime(clip)

    detected(cache, clip, on_evidence=on_evidence)
    assert cache.usage().answers.n_items == 0


def test_a_file_that_changes_after_the_probe_leaves_no_answer(cache, clip):
    scope = read_scope(clip, DEFAULTS)
    os.utime(clip)
    cache.cached_detector(CLASSICAL).detect(scope, ClassicalEngine())
    assert cache.usage().answers.n_items == 0


def test_a_scope_without_identity_leaves_no_answer(cache, clip):
    scope = scope_of(probe(clip), DEFAULTS)
    cache.cached_detector(CLASSICAL).detect(scope, ClassicalEngine())
    assert cache.usage().answers.n_items == 0


def test_a_damaged_answer_is_dropped(cache, clip, analyzed, caplog):
    with sqlite3.connect(cache.folder / "answers.sqlite3") as base:
        base.execute("UPDATE parts SET value = ?", (b"rubbish",))
    base.close()
    assert earlier(cache, clip) is None
    assert "damaged" in caplog.text
    assert cache.usage().answers.n_items == 0


def test_clearing_forgets(cache, clip, analyzed):
    assert cache.usage().answers.n_items == 1
    cache.clear()
    assert earlier(cache, clip) is None
    assert cache.usage().answers.n_items == 0


def test_nothing_is_kept_where_nothing_may_be(tmp_path, clip):
    cache = Cache(tmp_path / "cache", "1.0", CacheLimits(0, 0))
    detected(cache, clip)
    assert earlier(cache, clip) is None
    assert not cache.folder.exists()


@pytest.mark.parametrize("n_mb", [-1, 10**7])
def test_a_limit_has_limits(n_mb):
    with pytest.raises(ValueError, match=str(n_mb)):
        CacheLimits(answers_mb=n_mb)


class FeatureEngine:
    """Sees a square, and notes of which segments it knew the features."""

    sees_square = True

    def __getattr__(self, name):
        return getattr(ClassicalEngine(), name)

    def start(self, config, monitor, clip):
        self.known = [clip.features.get(frame, None) is not None for frame in (0, 8, 16)]
        for frame in (0, 8):
            clip.features.put(frame, None, np.ones((8, 4), np.float32))
        return ClassicalEngine().start(config, monitor, clip)


def test_an_engine_that_sees_a_square_gets_the_features_of_earlier_runs(cache, clip):
    engine = FeatureEngine()
    detected(cache, clip, engine)
    assert engine.known == [False, False, False]
    # With other options, to which there is no earlier answer.
    detected(cache, clip, engine, config=DetectionConfig(hop_s=0.64))
    assert engine.known == [True, True, False]
    assert cache.usage().features.n_items == 1
