from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest
from PySide6.QtWidgets import QLabel, QWidget
from pytestqt.qtbot import QtBot

from synchformer_gui.session import Activity
from synchformer_gui.views.export.export_dialog import ExportDialog
from synchformer_gui.views.main_window import MainWindow

pytestmark = pytest.mark.gui

MakeClip = Callable[..., Path]


def open_clip(qtbot: QtBot, window: MainWindow, path: Path) -> None:
    with qtbot.waitSignal(window.session.opened, timeout=5000):
        window.open_clip(path)


def ready_dialog(
    qtbot: QtBot, window: MainWindow, target: Path | None = None, *, is_ready: bool = True
) -> ExportDialog:
    window.side.export_button.click()
    dialog = window.findChildren(ExportDialog)[-1]
    if target is not None:
        dialog.target_chooser.field.setText(str(target))
    if is_ready:
        qtbot.waitUntil(dialog.export_button.isEnabled, timeout=5000)
    return dialog


def is_seen(widget: QWidget) -> bool:
    """Tell whether all of a widget is on screen, with nothing to scroll."""
    return widget.visibleRegion().boundingRect() == widget.rect()


def test_export_writes_a_verified_file_beside_the_source(
    qtbot: QtBot, analyzed: MainWindow, clip: Path
) -> None:
    before = clip.read_bytes()
    dialog = ready_dialog(qtbot, analyzed)
    with qtbot.waitSignal(analyzed.session.exported, timeout=10_000) as blocker:
        dialog.export_button.click()

    assert blocker.args is not None
    exported = blocker.args[0]
    assert exported.path == clip.with_name("talk.synced.mp4")
    assert exported.verification.passed
    assert clip.read_bytes() == before
    assert "Verified" in analyzed.result_panel.exported.label.text()
    assert analyzed.result_panel.exported.isVisible()
    assert is_seen(analyzed.result_panel.exported.folder_button)

    again = ready_dialog(qtbot, analyzed, clip.with_name("again.mp4"))
    with qtbot.waitSignal(analyzed.session.failed, timeout=10_000):
        clip.unlink()
        again.export_button.click()
    assert not analyzed.result_panel.exported.isVisible()


def test_a_hint_of_the_name_is_taken_into_the_export_only_when_asked(
    qtbot: QtBot, window: MainWindow, make_clip: MakeClip
) -> None:
    open_clip(qtbot, window, make_clip("talk DELAY -33ms.mp4", duration_s=2.0))
    (button,) = window.result_panel.delay_hints.buttons
    assert button.isVisible()
    assert button.text() == "Move the audio 33 ms earlier…"
    plain = ready_dialog(qtbot, window, is_ready=False)
    assert plain.correction_form.delay_field.text() == ""
    plain.reject()

    button.click()
    dialog = window.findChildren(ExportDialog)[-1]
    assert dialog.correction_form.audio_delay_s == Fraction(-33, 1000)
    dialog.reject()

    open_clip(qtbot, window, make_clip("plain.mp4", duration_s=2.0))
    assert not window.result_panel.delay_hints.isVisible()


def test_start_times_that_players_honour_are_told_but_not_offered(
    qtbot: QtBot, window: MainWindow, make_clip: MakeClip
) -> None:
    open_clip(qtbot, window, make_clip("talk.mkv", duration_s=2.0, audio_start_s=0.3))
    hints = window.result_panel.delay_hints
    said = [label.text().replace("\N{NO-BREAK SPACE}", " ") for label in hints.findChildren(QLabel)]

    assert hints.isVisible()
    assert any("players honour that" in text for text in said)
    assert not hints.buttons


def test_how_files_are_written_is_remembered(
    qtbot: QtBot, window: MainWindow, make_clip: MakeClip
) -> None:
    open_clip(qtbot, window, make_clip("talk.mp4", duration_s=2.0))
    dialog = ready_dialog(qtbot, window, is_ready=False)
    dialog.options.template_field.setText("{name}.moved{ext}")
    dialog.options.certificate_box.setChecked(True)
    dialog.options.verify_box.setChecked(False)
    dialog.correction_form.delay_field.setText("40ms")
    qtbot.waitUntil(dialog.export_button.isEnabled, timeout=5000)
    with qtbot.waitSignal(window.session.exported, timeout=10_000):
        dialog.export_button.click()

    assert "not compared with its source" in window.result_panel.exported.label.text()
    again = ready_dialog(qtbot, window, is_ready=False)
    assert again.options.template == "{name}.moved{ext}"
    assert again.options.verifies
    assert again.options.certifies
    again.reject()


def test_new_file_is_analyzed_when_asked(qtbot: QtBot, analyzed: MainWindow, clip: Path) -> None:
    dialog = ready_dialog(qtbot, analyzed)
    assert not dialog.options.detects_again
    dialog.options.detect_box.setChecked(True)
    note = analyzed.result_panel.exported
    dialog.export_button.click()
    qtbot.waitUntil(lambda: analyzed.session.activity is Activity.DETECTING_COPY, timeout=10_000)
    assert "Wrote talk.synced.mp4" in note.label.text()
    assert note.again_label.isHidden()
    assert analyzed.detect_panel.button.text() == "Cancel"
    qtbot.waitUntil(lambda: analyzed.session.activity is Activity.NONE, timeout=40_000)

    said = note.again_label.text().replace("\N{NO-BREAK SPACE}", " ")
    assert said.startswith("Analyzed again: Audio is ")
    assert "± " in said
    assert analyzed.session.detection is not None, "the answer about the clip stays"
    assert is_seen(note.folder_button)
    dialog = ready_dialog(qtbot, analyzed, clip.with_name("next.mp4"))
    assert not dialog.options.detects_again, "it is chosen anew each time"
    dialog.reject()


def test_another_clip_leaves_word_of_a_file_that_was_not_analyzed(
    qtbot: QtBot, analyzed: MainWindow, make_clip: MakeClip
) -> None:
    dialog = ready_dialog(qtbot, analyzed)
    dialog.options.detect_box.setChecked(True)
    dialog.options.certificate_box.setChecked(True)
    qtbot.waitUntil(dialog.export_button.isEnabled, timeout=5000)
    dialog.export_button.click()
    qtbot.waitUntil(lambda: analyzed.session.activity is Activity.DETECTING_COPY, timeout=10_000)
    open_clip(qtbot, analyzed, make_clip("plain.mp4", duration_s=2.0))

    assert analyzed.banner.isVisible()
    said = analyzed.banner.message_label.text().replace("\N{ZERO WIDTH SPACE}", "")
    assert said.startswith("Wrote talk.synced.mp4")
    assert "Analyzing it again was cancelled." in said
    assert said.endswith("No certificate was written.")
    assert not analyzed.banner.details_button.isVisible()
    assert not analyzed.result_panel.exported.isVisible()


def test_what_was_written_stays_in_view_when_a_broken_file_is_opened(
    qtbot: QtBot, window: MainWindow, make_clip: MakeClip, tmp_path: Path
) -> None:
    open_clip(qtbot, window, make_clip("talk.mp4", duration_s=2.0))
    dialog = ready_dialog(qtbot, window, is_ready=False)
    dialog.correction_form.delay_field.setText("40ms")
    qtbot.waitUntil(dialog.export_button.isEnabled, timeout=5000)
    with qtbot.waitSignal(window.session.exported, timeout=10_000):
        dialog.export_button.click()
    with qtbot.waitSignal(window.session.failed, timeout=5000):
        window.open_clip(tmp_path / "missing.mp4")

    assert window.result_panel.exported.isVisible()
