import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QAction, QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QFileDialog
from pytestqt.qtbot import QtBot

from core.detection.result import Verdict
from synchformer_gui.session import Activity
from synchformer_gui.settings import Settings
from synchformer_gui.views.main_window import MainWindow
from synchformer_gui.views.models_dialog import ModelsDialog
from synchformer_gui.wording.verdict import answer_sentence

pytestmark = pytest.mark.gui

OFFSET_S = 0.24
DETECT_MS = 40_000

MakeClip = Callable[..., Path]


def open_clip(qtbot: QtBot, window: MainWindow, path: Path) -> None:
    with qtbot.waitSignal(window.session.opened, timeout=5000):
        window.open_clip(path)


def detect(qtbot: QtBot, window: MainWindow) -> None:
    qtbot.keyClick(window, Qt.Key.Key_D)
    assert window.session.activity is Activity.DETECTING
    qtbot.waitUntil(lambda: window.session.activity is Activity.NONE, timeout=DETECT_MS)
    assert window.session.detection is not None, window.banner.message_label.text()


def test_empty_window_invites_and_offers_nothing_else(window: MainWindow) -> None:
    assert window.playback.video.is_empty
    assert not window.detect_panel.button.isEnabled()
    assert not window.side.export_button.isEnabled()
    assert not window.playback.transport.isEnabled()
    assert window.timeline.brightness is None


def test_opened_clip_is_shown_with_its_facts(qtbot: QtBot, window: MainWindow, clip: Path) -> None:
    open_clip(qtbot, window, clip)
    qtbot.waitUntil(lambda: not window.playback.video.frames.image.isNull(), timeout=5000)

    assert "talk.mp4" in window.windowTitle()
    assert "H.264 320×256, 25 fps" in window.clip_info_label.text()
    assert window.detect_panel.button.isEnabled()
    assert window.detect_panel.audio_combo.isHidden()
    video = window.playback.video.grab().toImage()
    assert video.pixelColor(video.rect().center()).lightness() > 10


def test_button_opens_a_clip(
    qtbot: QtBot, window: MainWindow, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(clip), ""))
    with qtbot.waitSignal(window.session.opened, timeout=5000):
        window.side.open_button.click()

    assert window.session.info is not None
    assert window.session.info.path == clip
    assert Settings().last_folder == clip.parent


def test_dropped_clip_is_opened(qtbot: QtBot, window: MainWindow, clip: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(clip))])
    how = (Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton)
    none = Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPoint(50, 50), *how, none)
    QApplication.sendEvent(window, enter)
    assert enter.isAccepted()
    with qtbot.waitSignal(window.session.opened, timeout=5000):
        QApplication.sendEvent(window, QDropEvent(QPointF(50, 50), *how, none))

    assert window.session.info is not None
    assert window.session.info.path == clip


def test_answer_is_given_in_words_with_a_map(analyzed: MainWindow) -> None:
    detection = analyzed.session.detection
    assert detection is not None
    assert detection.estimate.verdict is Verdict.OUT_OF_SYNC
    assert detection.estimate.offset_s == pytest.approx(OFFSET_S, abs=0.06)
    panel = analyzed.result_panel
    said = panel.answer_label.text().replace("\N{NO-BREAK SPACE}", " ")
    assert said == answer_sentence(detection)
    assert "OUT OF SYNC" in panel.verdict_label.text()
    assert analyzed.timeline.brightness is not None
    assert np.isfinite(analyzed.timeline.brightness).mean() > 0.8
    assert analyzed.side.export_button.isEnabled()
    assert analyzed.detect_panel.button.text() == "Detect offset"


def test_click_in_the_map_seeks(qtbot: QtBot, window: MainWindow, clip: Path) -> None:
    open_clip(qtbot, window, clip)
    qtbot.waitUntil(lambda: not window.playback.video.frames.image.isNull(), timeout=5000)
    timeline = window.timeline
    point = timeline.plot.mapFromScene(timeline._box.mapViewToScene(QPointF(3.0, 0.0)))
    qtbot.mouseClick(timeline.plot.viewport(), Qt.MouseButton.LeftButton, pos=point)

    qtbot.waitUntil(lambda: window.player.position_s > 0, timeout=5000)
    assert window.player.position_s == pytest.approx(3.0, abs=0.05)
    assert timeline.playhead_s == window.player.position_s


def test_keys_play_and_step(qtbot: QtBot, window: MainWindow, clip: Path) -> None:
    open_clip(qtbot, window, clip)
    qtbot.waitUntil(lambda: not window.playback.video.frames.image.isNull(), timeout=5000)
    qtbot.keyClick(window, Qt.Key.Key_Period)
    assert window.player.position_s == pytest.approx(0.04)
    qtbot.keyClick(window, Qt.Key.Key_Right)
    assert window.player.position_s == pytest.approx(1.04)
    qtbot.keyClick(window, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: window.player.is_playing, timeout=5000)
    qtbot.keyClick(window, Qt.Key.Key_K)
    qtbot.waitUntil(lambda: not window.player.is_playing, timeout=5000)


def test_cancel_leaves_a_usable_window(
    qtbot: QtBot, window: MainWindow, make_clip: MakeClip
) -> None:
    open_clip(qtbot, window, make_clip("long.mp4", offset_s=OFFSET_S, duration_s=20.0))
    window.detect()
    assert window.detect_panel.button.text() == "Cancel"
    assert not window.session.can_export
    with qtbot.waitSignal(window.session.stopped):
        window.detect_panel.button.click()

    assert window.session.activity is Activity.NONE
    assert window.session.detection is None
    assert window.timeline.brightness is None
    assert not window.banner.isVisible()
    detect(qtbot, window)
    assert window.session.detection is not None


def test_next_clip_drops_answer(qtbot: QtBot, analyzed: MainWindow, make_clip: MakeClip) -> None:
    open_clip(qtbot, analyzed, make_clip("next.mp4", duration_s=2.0))

    assert analyzed.session.detection is None
    assert analyzed.timeline.brightness is None
    assert analyzed.side.export_button.objectName() == "secondary"
    assert analyzed.result_panel.hint_label.isVisible()


def test_choices_are_remembered(qtbot: QtBot, window: MainWindow) -> None:
    combo = window.detect_panel.tolerance_combo
    combo.setCurrentIndex(combo.findData("film"))
    combo.activated.emit(combo.currentIndex())
    window.detect_panel.model_chosen.emit("classical")

    assert Settings().preferences.tolerance == "film"
    assert Settings().preferences.model == "classical"


@pytest.mark.parametrize("model", ["auto", "builtin"])
def test_the_built_in_model_answers_in_the_window(
    qtbot: QtBot, window: MainWindow, clip: Path, model: str
) -> None:
    combo = window.detect_panel.model_combo
    assert combo.currentData() == "auto"
    combo.setCurrentIndex(combo.findData(model))
    combo.activated.emit(combo.currentIndex())
    open_clip(qtbot, window, clip)
    detect(qtbot, window)

    assert window.session.detection is not None
    assert window.session.detection.opinion.engine_id == "builtin"
    assert "generated clips" in window.result_panel.offer_label.text()


def test_tolerance_changes_the_verdict_without_another_detection(
    qtbot: QtBot, analyzed: MainWindow
) -> None:
    brightness = analyzed.timeline.brightness
    said = analyzed.result_panel.answer_label.text()
    combo = analyzed.detect_panel.tolerance_combo
    combo.setCurrentIndex(combo.findData("film"))
    with qtbot.waitSignal(analyzed.session.detected, timeout=5000):
        combo.activated.emit(combo.currentIndex())

    assert analyzed.session.activity is Activity.NONE
    assert analyzed.result_panel.answer_label.text() != said
    assert "Film" in analyzed.result_panel.answer_label.text()
    assert analyzed.timeline.brightness is not None
    np.testing.assert_array_equal(analyzed.timeline.brightness, brightness)


def test_waiting_for_the_first_window_is_said(qtbot: QtBot, window: MainWindow, clip: Path) -> None:
    open_clip(qtbot, window, clip)
    before = window.timeline.note
    window.detect()

    assert "Waiting" in window.timeline.note
    window.session.cancel()
    assert window.timeline.note == before


@pytest.mark.parametrize(
    ("title", "name", "value"),
    [("bfloat16", "precision", "bfloat16"), ("Everything", "extent", "everything")],
)
def test_choices_in_the_menu_are_kept(
    window: MainWindow, title: str, name: str, value: str
) -> None:
    (action,) = [one for one in window.findChildren(QAction) if one.text() == title]
    action.trigger()

    assert action.isChecked()
    assert getattr(Settings().preferences, name) == value


def test_models_are_listed_once(window: MainWindow) -> None:
    window.show_models()
    window.show_models()

    assert len(window.findChildren(ModelsDialog)) == 1


@pytest.mark.parametrize("size", [(1024, 640), (1920, 1080)])
def test_everything_fits_whatever_the_clip_is_called(
    qtbot: QtBot, window: MainWindow, make_clip: MakeClip, size: tuple[int, int]
) -> None:
    window.resize(*size)
    open_clip(qtbot, window, make_clip("x" * 240 + ".mp4", duration_s=1.0))

    assert window.clip_info_label.text().endswith("mono")
    assert window.clip_info_label.sizeHint().width() < size[0]
    assert (window.width(), window.height()) == size


def test_several_audio_streams_can_be_chosen(
    qtbot: QtBot, window: MainWindow, two_languages: Path
) -> None:
    open_clip(qtbot, window, two_languages)
    combo = window.detect_panel.audio_combo
    assert combo.isVisible()
    assert combo.count() == 2
    combo.setCurrentIndex(1)
    combo.activated.emit(1)
    detect(qtbot, window)

    detection = window.session.detection
    assert detection is not None
    assert detection.audio_stream_index == combo.itemData(1)


@pytest.mark.parametrize("wait_ms", [0, 300])
def test_closing_during_a_detection_waits_for_it(
    qtbot: QtBot, window: MainWindow, clip: Path, wait_ms: int
) -> None:
    open_clip(qtbot, window, clip)
    window.playback.toggle()
    window.detect()
    qtbot.wait(wait_ms)
    window.close()

    assert not window.isVisible()
    assert not window.session.worker._pool.activeThreadCount()
    decoders = [thread.name for thread in threading.enumerate() if "decod" in thread.name.lower()]
    assert not decoders


def test_a_key_goes_from_the_close_up_to_all_offsets(qtbot: QtBot, analyzed: MainWindow) -> None:
    close_s = analyzed.timeline._box.viewRange()[1]
    qtbot.keyClick(analyzed, Qt.Key.Key_Z)
    assert analyzed.timeline._box.viewRange()[1] == pytest.approx([-2.0, 2.0])
    qtbot.keyClick(analyzed, Qt.Key.Key_Z)
    assert analyzed.timeline._box.viewRange()[1] == close_s
