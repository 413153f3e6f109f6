from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from core.errors import MediaError
from synchformer_gui.session import Activity
from synchformer_gui.views.main_window import MainWindow

pytestmark = pytest.mark.gui

MakeClip = Callable[..., Path]


@pytest.mark.parametrize("content", [b"", b"just some text, no clip\n" * 50, None])
def test_broken_or_missing_file_is_one_sentence(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, content: bytes | None
) -> None:
    broken = tmp_path / "broken.mp4"
    if content is not None:
        broken.write_bytes(content)
    with qtbot.waitSignal(window.session.failed, timeout=5000):
        window.open_clip(broken)

    assert window.banner.isVisible()
    assert "broken.mp4" in window.banner.message_label.text()
    assert window.playback.video.is_empty


def test_bad_file_leaves_the_open_clip_and_its_answer(
    qtbot: QtBot, analyzed: MainWindow, tmp_path: Path
) -> None:
    detection, facts = analyzed.session.detection, analyzed.clip_info_label.text()
    bad = tmp_path / "bad.mp4"
    bad.write_text("no clip")
    with qtbot.waitSignal(analyzed.session.failed, timeout=5000):
        analyzed.open_clip(bad)

    assert "bad.mp4" in analyzed.banner.message_label.text()
    assert analyzed.session.detection is detection
    assert analyzed.timeline.brightness is not None
    assert analyzed.clip_info_label.text() == facts
    assert analyzed.result_panel.verdict_label.isVisible()
    assert analyzed.side.export_button.isEnabled()
    assert analyzed.detect_panel.button.isEnabled()
    assert analyzed.playback.transport.isEnabled()
    qtbot.keyClick(analyzed, Qt.Key.Key_Period)
    assert analyzed.player.position_s == pytest.approx(0.04)


def test_escape_closes_the_banner_while_nothing_is_done(qtbot: QtBot, window: MainWindow) -> None:
    window.banner.show_error(MediaError("talk.mp4 is broken."))
    qtbot.keyClick(window, Qt.Key.Key_Escape)

    assert not window.banner.isVisible()


@pytest.mark.parametrize(("missing", "phrase"), [("audio", "sound"), ("video", "picture")])
def test_clip_without_sound_or_picture_says_why_it_cannot_be_analyzed(
    qtbot: QtBot, window: MainWindow, make_clip: MakeClip, missing: str, phrase: str
) -> None:
    half = make_clip("half.mkv", duration_s=2.0, **{missing: False})
    with qtbot.waitSignal(window.session.opened, timeout=5000):
        window.open_clip(half)

    assert not window.detect_panel.button.isEnabled()
    assert phrase in window.detect_panel.button.toolTip()
    assert window.result_panel.hint_label.text() == window.detect_panel.button.toolTip()
    qtbot.keyClick(window, Qt.Key.Key_D)
    assert window.session.activity is Activity.NONE


def test_player_that_gives_up_leaves_the_map(qtbot: QtBot, window: MainWindow, clip: Path) -> None:
    with qtbot.waitSignal(window.session.opened, timeout=5000):
        window.open_clip(clip)
    window.detect()
    qtbot.waitUntil(lambda: window.timeline.brightness is not None, timeout=40_000)
    window.player.failed.emit(MediaError("talk.mp4 cannot be played here."))

    assert window.timeline.brightness is not None
    assert "cannot be played" in window.banner.message_label.text()
