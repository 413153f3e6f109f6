from fractions import Fraction

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from synchformer_gui.views.player.transport import TransportBar, frame_number
from synchformer_gui.views.theme import apply_theme

pytestmark = pytest.mark.gui


@pytest.mark.parametrize("rate", [Fraction(25), Fraction(30000, 1001), Fraction(24000, 1001)])
def test_frame_number_is_right_for_positions_in_whole_milliseconds(rate: Fraction) -> None:
    for number in range(500):
        start_s = float(number / rate)
        assert frame_number(round(start_s, 3), rate) == number


def test_disabled_without_a_clip(qtbot: QtBot) -> None:
    bar = TransportBar()
    qtbot.addWidget(bar)
    assert not bar.isEnabled()
    bar.set_clip(10.0, Fraction(25))
    assert bar.isEnabled()
    assert bar.time_label.text() == "00:00.000 / 00:10.000"


def test_position_is_shown_as_time_and_frame(qtbot: QtBot) -> None:
    bar = TransportBar()
    qtbot.addWidget(bar)
    bar.set_clip(10.0, Fraction(25))
    bar.set_position(3.24)

    assert bar.time_label.text().startswith("00:03.240")
    assert bar.frame_label.text().split() == ["frame", "81"]


def test_moving_the_playhead_is_not_a_wish_to_seek(qtbot: QtBot) -> None:
    bar = TransportBar()
    qtbot.addWidget(bar)
    bar.set_clip(10.0, Fraction(25))
    with qtbot.assertNotEmitted(bar.seek_requested):
        bar.set_position(5.0)


def test_click_on_the_groove_seeks_there(qtbot: QtBot) -> None:
    bar = TransportBar()
    qtbot.addWidget(bar)
    bar.resize(800, 40)
    bar.set_clip(10.0, Fraction(25))
    bar.show()
    middle = QPoint(bar.slider.width() // 2, bar.slider.height() // 2)
    with qtbot.waitSignal(bar.seek_requested) as blocker:
        qtbot.mouseClick(bar.slider, Qt.MouseButton.LeftButton, pos=middle)

    assert blocker.args == [pytest.approx(5.0, abs=0.1)]


def test_buttons_look_disabled_without_a_clip(qtbot: QtBot, qapp: QApplication) -> None:
    apply_theme(qapp)
    parent = QWidget()
    qtbot.addWidget(parent)
    bar = TransportBar(parent)
    bar.resize(800, 40)
    parent.resize(800, 40)
    parent.show()
    brightest = {}
    for duration_s in (0.0, 10.0):
        bar.set_clip(duration_s, None)
        image = parent.grab(bar.play_button.geometry()).toImage()
        brightest[duration_s] = max(
            image.pixelColor(x, y).lightness()
            for x in range(image.width())
            for y in range(image.height())
        )

    assert brightest[0.0] < 0.7 * brightest[10.0]
