"""What tests of data share: the clip of integer arithmetic behind recorded numbers, and a set."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.golden.stand_in import GOLDEN_FOLDER
from training.data.clip import Clip
from training.data.sets.data_set import DataSet, Item


@pytest.fixture(scope="session")
def goldens() -> dict[str, NDArray[np.float64]]:
    with np.load(GOLDEN_FOLDER / "goldens.npz") as arrays:
        return dict(arrays)


@pytest.fixture(scope="session")
def arithmetic_clip() -> Clip:
    """200 frames of 301 x 256; of its sound, which is longer, what belongs to them."""
    t, y, x, c = np.ogrid[:200, :256, :301, :3]
    frames = (3 * y * (c + 1) + 2 * x * (t % 5 + 1) + 11 * t + (y * x) // 7) % 256
    i = np.arange(200 * 640, dtype=np.int64)
    saw = (i * i // 640 + 97 * i + (i // 4000) * (i % 37) * 13) % 2001 - 1000
    return Clip(frames.astype(np.uint8), saw.astype(np.float32) / np.float32(1000))


@pytest.fixture(scope="session")
def three_clips(long_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    """A data set of one clip under three names."""
    folder = tmp_path_factory.mktemp("three")
    paths = [folder / f"{name}.mp4" for name in "abc"]
    for path in paths:
        shutil.copyfile(long_clip, path)
    return DataSet("three", tuple(Item(path.stem, path) for path in paths))


@pytest.fixture
def write_text(tmp_path: Path) -> Callable[[str, str], Path]:
    """Return a function that writes a text below the test's folder."""

    def write(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return write
