import gc
import tempfile
import tracemalloc
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from core.detection.cache.blob_store import BlobStore
from core.detection.cache.clip_features import ClipFeatures, temporary_features
from core.detection.crop_plan import Square
from core.errors import Cancelled

SQUARE = Square(3, 0)


def values(seed):
    return np.random.default_rng(seed).normal(size=(8, 4)).astype(np.float32)


@pytest.fixture
def store(tmp_path):
    return BlobStore(tmp_path / "features.sqlite3", 10_000_000)


def test_features_are_found_bit_for_bit_by_frame_and_square(store):
    with closing(ClipFeatures(store, "clip")) as features:
        for index in range(100):
            features.put(8 * index - 16, SQUARE if index % 2 else None, values(index))
        np.testing.assert_array_equal(features.get(-16, None), values(0))
        np.testing.assert_array_equal(features.get(8 * 99 - 16, SQUARE), values(99))
    with closing(ClipFeatures(store, "clip")) as features:
        for index in range(100):
            found = features.get(8 * index - 16, SQUARE if index % 2 else None)
            np.testing.assert_array_equal(found, values(index))
            assert features.get(8 * index - 16, None if index % 2 else SQUARE) is None
    with closing(ClipFeatures(store, "another clip")) as features:
        assert features.get(0, None) is None


def test_features_are_found_while_a_run_goes_on(store):
    with closing(ClipFeatures(store, "clip")) as features:
        for index in range(200):
            assert features.get(8 * index, None) is None
            features.put(8 * index, None, values(index))
            if index % 10 == 0:
                for earlier in range(0, index, 7):
                    assert features.get(8 * earlier, None) is not None


def test_features_of_a_run_that_was_stopped_are_kept(store):
    def stop():
        with closing(ClipFeatures(store, "clip")) as features:
            features.put(0, None, values(0))
            raise Cancelled

    with pytest.raises(Cancelled):
        stop()
    np.testing.assert_array_equal(ClipFeatures(store, "clip").get(0, None), values(0))


def test_memory_does_not_grow_with_the_clip():
    """The 2000 segments of eleven minutes take 50 MB as the published network makes them."""
    features, segment = temporary_features(), np.zeros((8, 768), np.float32)
    tracemalloc.start()
    try:
        for index in range(2000):
            assert features.get(8 * index, None) is None
            features.put(8 * index, None, segment + np.float32(index))
        for index in range(2000):
            found = features.get(8 * index, None)
            assert found is not None
            assert found[0, 0] == index
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 8_000_000


@pytest.fixture
def temporary_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_temporary_features_go_with_their_last_user(temporary_folder):
    features = temporary_features()
    for index in range(100):
        features.put(8 * index, None, values(index))
    assert [path.name for path in temporary_folder.rglob("*.sqlite3")]
    del features
    gc.collect()
    assert list(temporary_folder.iterdir()) == []


def test_without_room_for_temporary_features_there_are_fewer(temporary_folder, caplog):
    temporary_folder.rmdir()
    features = temporary_features()
    for index in range(100):
        features.put(8 * index, None, values(index))
    assert features.get(0, None) is None
    assert "Nothing can be kept" in caplog.text
    assert not Path("items.sqlite3").exists()
