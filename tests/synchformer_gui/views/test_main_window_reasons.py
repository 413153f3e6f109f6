"""What the window says of something that cannot be done, or has nothing to show."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QToolTip
from pytestqt.qtbot import QtBot

from core.detection.crop_plan import CENTRE
from synchformer_gui.views.main_window import MainWindow
from synchformer_gui.wording.verdict import NO_CLIP

pytestmark = pytest.mark.gui

MakeClip = Callable[..., Path]


def open_clip(qtbot: QtBot, window: MainWindow, path: Path) -> None:
    with qtbot.waitSignal(window.session.opened, timeout=5000):
        window.open_clip(path)


def test_buttons_that_are_off_say_why(
    qtbot: QtBot, window: MainWindow, make_clip: MakeClip
) -> None:
    buttons = (window.detect_panel.button, window.side.export_button)
    for button in buttons:
        place = button.mapTo(window, button.rect().center())
        qtbot.mouseMove(window, place)
        qtbot.wait(50)
        qtbot.mouseMove(window, place + QPoint(2, 1))
        qtbot.waitUntil(QToolTip.isVisible, timeout=5000)
        assert QToolTip.text() == NO_CLIP
        QToolTip.hideText()
    open_clip(qtbot, window, make_clip("mute.mp4", duration_s=1.0, audio=False))
    assert all("no sound" in button.toolTip() for button in buttons)
    open_clip(qtbot, window, make_clip("long.mp4", duration_s=20.0))
    window.detect()
    assert "cancel (Esc)" in window.side.export_button.toolTip()
    window.session.cancel()
    assert "(E)" in window.side.export_button.toolTip()


def test_key_of_squares_says_what_there_is_to_show(qtbot: QtBot, analyzed: MainWindow) -> None:
    qtbot.keyClick(analyzed, Qt.Key.Key_Q)
    told = analyzed.statusBar().currentMessage()
    assert told == "The classical estimate used the whole picture, so there is no square to show."

    detection = analyzed.session.detection
    assert detection is not None
    analyzed.session.detected.emit(replace(detection, crops=(CENTRE,)))
    qtbot.keyClick(analyzed, Qt.Key.Key_Q)
    assert analyzed.statusBar().currentMessage() == "The analyzed square is hidden."
    qtbot.keyClick(analyzed, Qt.Key.Key_Q)
    assert analyzed.statusBar().currentMessage() == "The analyzed square is shown."
    analyzed.session.choose_audio(99)
    qtbot.keyClick(analyzed, Qt.Key.Key_Q)
    assert "no answer yet" in analyzed.statusBar().currentMessage()
