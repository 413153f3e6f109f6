import sys

import pytest


@pytest.mark.gui
def test_calls_into_qt_keep_the_reference_count_of_none(qtbot):
    # A PySide6 built for an immortal None takes one reference per call and aborts within seconds
    # on Python 3.11; see the pins in pyproject.toml.
    from PySide6.QtWidgets import QWidget

    widget = QWidget()
    qtbot.addWidget(widget)
    before = sys.getrefcount(None)

    for _ in range(200):
        widget.update()

    assert abs(sys.getrefcount(None) - before) < 50
