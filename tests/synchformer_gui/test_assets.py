import sys
from pathlib import Path

import pytest

from synchformer_gui import assets

ROOT = Path(__file__).resolve().parents[2]


def test_checkout_comes_first() -> None:
    assert assets.resources_dir() == ROOT / "resources"


def test_wheel_brings_its_own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "site-packages" / "synchformer_gui"
    (package / "_resources").mkdir(parents=True)
    (package.parent / "resources").mkdir()
    monkeypatch.setattr(assets, "_PACKAGE", package)

    assert assets.resources_dir() == package / "_resources"


def test_frozen_bundle_brings_its_own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "resources").mkdir()
    monkeypatch.setattr(assets, "_PACKAGE", tmp_path / "nowhere" / "synchformer_gui")
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)

    assert assets.resources_dir() == tmp_path / "resources"


def test_missing_data_name_where_they_were_sought(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assets, "_PACKAGE", tmp_path / "synchformer_gui")

    with pytest.raises(FileNotFoundError, match="_resources"):
        assets.resources_dir()


@pytest.mark.parametrize(
    "name", ["app", "play", "pause", "step-back", "step-forward", "close", "check", "chevron-down"]
)
def test_every_icon_can_be_drawn(name: str, qapp: object) -> None:
    from PySide6.QtGui import QIcon

    assert not QIcon(str(assets.icon_path(name))).pixmap(24, 24).isNull()
