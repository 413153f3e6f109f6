from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QRectF, QSize
from PySide6.QtGui import QColor, QImage
from PySide6.QtMultimedia import QVideoFrame
from pytestqt.qtbot import QtBot

from core.detection.crop_plan import CENTRE, CropPlan, ShotSquare, Square
from core.detection.result import Detection
from synchformer_gui.views.main_window import MainWindow
from synchformer_gui.views.player.video_view import FrameView
from synchformer_gui.views.theme import ACCENT

pytestmark = pytest.mark.gui

PLAN = CropPlan((ShotSquare(0, None), ShotSquare(50, Square(230, 32))))


@pytest.fixture
def view(qtbot: QtBot) -> FrameView:
    view = FrameView()
    qtbot.addWidget(view)
    view.resize(908, 512)
    view.show_frame(_grey(QSize(908, 512)))
    return view


def _grey(size: QSize) -> QVideoFrame:
    image = QImage(size, QImage.Format.Format_RGB32)
    image.fill(QColor("#808080"))
    return QVideoFrame(image)


def _is_framed(view: FrameView, x: int, y: int) -> bool:
    video = view.grab().toImage()
    return any(
        video.pixelColor(x + dx, y + dy).name() == QColor(ACCENT).name()
        for dx in range(-2, 3)
        for dy in range(-2, 3)
    )


def test_square_of_the_shot_that_is_seen_is_framed(view: FrameView) -> None:
    view.show_squares((PLAN,))
    view.set_position(1.0)
    assert view.squares() == [QRectF(115 / 454, 16 / 256, 224 / 454, 224 / 256)]
    assert _is_framed(view, 230, 256)
    view.set_position(2.0)
    assert view.squares() == [QRectF(230 / 454, 32 / 256, 224 / 454, 224 / 256)]
    assert _is_framed(view, 460, 256)
    assert not _is_framed(view, 230, 256)


def test_all_of_the_picture_has_no_frame(view: FrameView) -> None:
    assert view.squares() == []
    assert not _is_framed(view, 230, 256)


def test_frame_can_be_hidden_and_shown_again(view: FrameView) -> None:
    view.show_squares((CENTRE,))
    view.toggle_squares()
    assert view.squares() == []
    view.toggle_squares()
    assert len(view.squares()) == 1


def test_equal_squares_are_framed_once(view: FrameView) -> None:
    view.show_squares((PLAN, CENTRE))
    assert len(view.squares()) == 1
    view.set_position(3.0)
    assert len(view.squares()) == 2


def test_square_of_a_very_wide_picture_lies_in_what_is_kept_of_it(view: FrameView) -> None:
    view.show_frame(_grey(QSize(2560, 256)))
    view.show_squares((CropPlan((ShotSquare(0, Square(0, 0)),)),))
    assert view.squares() == [QRectF(256 / 2560, 0, 224 / 2560, 224 / 256)]


def test_window_frames_what_was_analyzed_until_the_answer_is_dropped(
    qtbot: QtBot,
    window: MainWindow,
    clip: Path,
    make_detection: Callable[..., Detection],
) -> None:
    video = window.playback.video.frames
    with qtbot.waitSignal(window.session.opened, timeout=5000):
        window.open_clip(clip)
    qtbot.waitUntil(lambda: not video.image.isNull(), timeout=5000)
    window.session.detected.emit(make_detection())
    assert video.squares() == []
    window.session.detected.emit(replace(make_detection(), crops=(CENTRE,)))
    assert len(video.squares()) == 1
    window.session.detection_dropped.emit()
    assert video.squares() == []
