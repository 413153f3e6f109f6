from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from synchformer_gui.views.export_dialog import ExportDialog
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


def test_export_writes_a_verified_file_beside_the_source(
    qtbot: QtBot, judged: MainWindow, clip: Path
) -> None:
    before = clip.read_bytes()
    dialog = ready_dialog(qtbot, judged)
    with qtbot.waitSignal(judged.session.exported, timeout=10_000) as blocker:
        dialog.export_button.click()

    assert blocker.args is not None
    exported = blocker.args[0]
    assert exported.path == clip.with_name("talk.synced.mp4")
    assert exported.verification.passed
    assert clip.read_bytes() == before
    assert "Verified" in judged.result_panel.exported.label.text()
    assert judged.result_panel.exported.isVisible()

    again = ready_dialog(qtbot, judged, clip.with_name("again.mp4"))
    with qtbot.waitSignal(judged.session.failed, timeout=10_000):
        clip.unlink()
        again.export_button.click()
    assert not judged.result_panel.exported.isVisible()


def test_a_hint_of_the_name_is_taken_into_the_export_only_when_asked(
    qtbot: QtBot, window: MainWindow, make_clip: MakeClip
) -> None:
    open_clip(qtbot, window, make_clip("talk DELAY -33ms.mp4", duration_s=2.0))
    (button,) = window.result_panel.clip_hints.buttons
    assert button.isVisible()
    assert button.text() == "Move the sound 33 ms earlier…"
    plain = ready_dialog(qtbot, window, is_ready=False)
    assert plain.delay_field.text() == ""
    plain.reject()

    button.click()
    dialog = window.findChildren(ExportDialog)[-1]
    assert dialog.correction_form.audio_delay_s == Fraction(-33, 1000)
    dialog.reject()

    open_clip(qtbot, window, make_clip("plain.mp4", duration_s=2.0))
    assert not window.result_panel.clip_hints.isVisible()


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

    assert "not measured" in window.result_panel.exported.label.text()
    again = ready_dialog(qtbot, window, is_ready=False)
    assert again.options.template == "{name}.moved{ext}"
    assert again.options.verifies
    assert again.options.certifies
    again.reject()
