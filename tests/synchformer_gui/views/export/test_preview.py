from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from core.correction.correction import Inexact
from core.detection.sync_map import SyncMap
from synchformer_gui.views.export.export_dialog import ExportDialog, FittingArea

pytestmark = pytest.mark.gui

MakeDialog = Callable[..., ExportDialog]
Settle = Callable[[ExportDialog], str]


def avi_dialog(make_dialog: MakeDialog, **options: object) -> ExportDialog:
    return make_dialog(name="coded.avi", audio_codec="libmp3lame", rate_hz=48000, **options)


def test_inexact_ways_are_offered_and_none_is_chosen(
    make_dialog: MakeDialog, settle: Settle
) -> None:
    dialog = avi_dialog(make_dialog)
    assert settle(dialog) == "Choose how the audio is to be moved."
    assert dialog.request.target.suffix == ".avi"
    buttons = dialog.preview_view.choice_buttons
    assert all(button.isVisible() and not button.isChecked() for button in buttons.values())
    assert "8.0 ms too late" in buttons[Inexact.NEAREST].text()

    buttons[Inexact.NEAREST].click()
    assert settle(dialog) == ""
    assert dialog.request.correction.inexact is Inexact.NEAREST
    assert dialog.preview_view.notes_label.text().count("than asked for") == 1
    assert "8 ms later than asked for" in dialog.preview_view.notes_label.text()
    dialog.command_button.click()
    assert "no equivalent command" in dialog.command_label.text()


def test_nothing_is_cut_off_at_the_side(
    qtbot: QtBot, make_dialog: MakeDialog, settle: Settle, drift: SyncMap
) -> None:
    dialog = avi_dialog(make_dialog, sync_map=drift)
    chooser = dialog.correction_form.retiming
    assert chooser is not None
    chooser.delay_button.click()
    dialog.correction_form.delay_field.setText("100ms")
    settle(dialog)
    area = dialog.findChild(FittingArea)
    assert area is not None
    body = area.widget()
    assert body is not None
    qtbot.waitUntil(lambda: body.width() <= area.viewport().width(), timeout=2000)

    assert dialog.preview_view.choice_buttons[Inexact.NEAREST].isVisible()
    for widget in (
        dialog.target_chooser.browse_button,
        *dialog.preview_view.choice_buttons.values(),
    ):
        assert widget.visibleRegion().boundingRect() == widget.rect()


def test_another_container_is_a_way_out_and_forgets_the_other_choice(
    make_dialog: MakeDialog, settle: Settle
) -> None:
    dialog = avi_dialog(make_dialog)
    settle(dialog)
    buttons = dialog.preview_view.choice_buttons
    buttons[Inexact.REENCODE].click()
    assert dialog.request.correction.inexact is Inexact.REENCODE
    buttons[None].click()

    assert settle(dialog) == ""
    assert dialog.request.target.name == "coded.synced.mkv"
    assert dialog.request.correction.inexact is None
    assert not buttons[None].isVisible()
    assert "coded.avi is rewritten as MKV" in dialog.preview_view.notes_label.text()


def test_retiming_forgets_how_the_sound_was_to_be_moved(
    make_dialog: MakeDialog, settle: Settle, drift: SyncMap
) -> None:
    dialog = avi_dialog(make_dialog, sync_map=drift)
    chooser = dialog.correction_form.retiming
    assert chooser is not None
    chooser.delay_button.click()
    dialog.correction_form.delay_field.setText("100ms")
    settle(dialog)
    dialog.preview_view.choice_buttons[Inexact.NEAREST].click()
    assert dialog.request.correction.inexact is Inexact.NEAREST
    chooser.retime_button.click()

    assert settle(dialog) == ""
    assert dialog.request.correction.inexact is None


def test_what_a_container_cannot_hold_is_named(
    make_dialog: MakeDialog, settle: Settle, tmp_path: Path
) -> None:
    dialog = make_dialog()
    dialog.target_chooser.field.setText(str(tmp_path / "out.webm"))

    assert "(video, h264) cannot be written to out.webm" in settle(dialog)
    assert not dialog.export_button.isEnabled()
    dialog.command_button.click()
    assert "There is no command yet." in dialog.command_label.text()


def test_command_goes_to_the_clipboard(make_dialog: MakeDialog, settle: Settle) -> None:
    dialog = make_dialog()
    settle(dialog)
    dialog.command_button.click()

    assert QGuiApplication.clipboard().text().startswith("ffmpeg -i ")
    assert "on the clipboard" in dialog.command_label.text()


def test_long_notes_scroll_and_keys_reach_them(
    make_dialog: MakeDialog, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialog = make_dialog()
    settle(dialog)
    notes = dialog.preview_view.notes_area
    short_px = notes.height()
    assert notes.focusPolicy() is Qt.FocusPolicy.NoFocus

    monkeypatch.setattr(
        "synchformer_gui.views.export.preview.note_sentences", lambda *_: ("A note.",) * 40
    )
    dialog.correction_form.delay_field.setText("80ms")
    settle(dialog)
    assert short_px < notes.height() < 200
    assert notes.focusPolicy() is Qt.FocusPolicy.StrongFocus
