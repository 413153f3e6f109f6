import pytest

from synchformer_gui import assets


@pytest.mark.parametrize(
    "name", ["app", "play", "pause", "step-back", "step-forward", "close", "check", "chevron-down"]
)
def test_every_icon_can_be_drawn(name: str, qapp: object) -> None:
    from PySide6.QtGui import QIcon

    assert not QIcon(str(assets.icon_path(name))).pixmap(24, 24).isNull()
