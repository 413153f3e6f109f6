from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from core.detection.result import Reason, Verdict
from core.detection.sync_map import SyncMap
from core.media.formats.output_format import Layout
from synchformer_gui.jobs.jobs import JobQueue
from synchformer_gui.settings import ExportPreferences
from synchformer_gui.views.export.export_dialog import ExportDialog

pytestmark = pytest.mark.gui

MakeClip = Callable[..., Path]


MakeDialog = Callable[..., ExportDialog]
Settle = Callable[[ExportDialog], str]


def test_estimate_and_name_are_proposed(make_dialog: MakeDialog, settle: Settle) -> None:
    dialog = make_dialog()
    assert settle(dialog) == ""

    request = dialog.request
    assert request.correction.audio_delay_s == Fraction(160, 1000)
    assert request.target.name == "clip.synced.mp4"
    assert dialog.correction_form.sentence_label.text() == "Correction: delay audio by 160 ms."
    assert dialog.export_button.isEnabled()
    assert dialog.export_button.isDefault()
    assert not request.overwrite
    assert request.verifies
    assert not request.certifies
    assert "gets 160 ms longer" in dialog.preview_view.notes_label.text()
    assert "Nothing is encoded again" in dialog.preview_view.promise_label.text()
    assert not dialog.options.container_combo.isVisible()


@pytest.mark.parametrize(
    ("text", "delay_s"),
    [
        ("160ms", "0.16"),
        ("4f", "0.16"),
        ("0.16s", "0.16"),
        ("-40", "-0.04"),
        ("1.5f", "0.06"),
        ("2560sa", "0.16"),
    ],
)
def test_delay_is_taken_as_people_write_it(
    make_dialog: MakeDialog, text: str, delay_s: str
) -> None:
    dialog = make_dialog()
    dialog.correction_form.delay_field.setText(text)

    assert dialog.correction_form.audio_delay_s == Fraction(delay_s)


@pytest.mark.parametrize("text", ["soon", "4 bananas", "0", "0ms", "2s", "-10000"])
def test_what_is_no_delay_cannot_be_exported(
    make_dialog: MakeDialog, settle: Settle, text: str
) -> None:
    dialog = make_dialog()
    settle(dialog)
    dialog.correction_form.delay_field.setText(text)

    assert not dialog.export_button.isEnabled()
    assert dialog.problem_label.isVisible()
    assert dialog.problem_label.text().endswith(".")
    dialog.correction_form.delay_field.setText("1.9s")
    assert settle(dialog) == ""


def test_undecided_answer_proposes_no_delay(make_dialog: MakeDialog, settle: Settle) -> None:
    dialog = make_dialog(Verdict.CANNOT_TELL, reason=Reason.NOT_CONFIDENT)

    assert dialog.correction_form.delay_field.text() == ""
    assert "could not tell" in dialog.problem_label.text()
    assert not dialog.export_button.isEnabled()
    dialog.correction_form.delay_field.setText("2f")
    assert settle(dialog) == ""


def test_sound_on_time_proposes_no_delay_and_claims_nothing(
    make_dialog: MakeDialog, settle: Settle
) -> None:
    dialog = make_dialog(Verdict.IN_SYNC, offset_s=0.0)
    assert dialog.correction_form.delay_field.text() == ""
    assert "found on time" in dialog.problem_label.text()

    dialog.correction_form.delay_field.setText("0")
    assert settle(dialog) == "A delay of 0 changes nothing."
    assert not dialog.correction_form.sentence_label.isVisible()


def test_source_is_refused(make_dialog: MakeDialog, settle: Settle, tmp_path: Path) -> None:
    dialog = make_dialog()
    dialog.target_chooser.field.setText(str(tmp_path / "clip.mp4"))

    assert "is the source itself" in settle(dialog)
    assert not dialog.target_chooser.replace_box.isVisible()


def test_existing_file_is_replaced_only_with_consent_to_that_file(
    make_dialog: MakeDialog, settle: Settle, tmp_path: Path
) -> None:
    for name in ("other.mp4", "third.mp4"):
        (tmp_path / name).touch()
    dialog = make_dialog()
    chooser = dialog.target_chooser
    chooser.field.setText(str(tmp_path / "other.mp4"))
    assert "exists already" in settle(dialog)

    chooser.replace_box.setChecked(True)
    assert settle(dialog) == ""
    assert dialog.request.overwrite

    chooser.field.setText(str(tmp_path / "third.mp4"))
    assert not dialog.request.overwrite
    assert "third.mp4 exists already" in settle(dialog)


def test_a_delay_that_was_erased_is_asked_for(make_dialog: MakeDialog) -> None:
    dialog = make_dialog()
    dialog.correction_form.delay_field.clear()

    assert dialog.problem_label.text() == "Type the delay of the sound."
    assert not dialog.export_button.isEnabled()


def test_a_file_needs_a_name(make_dialog: MakeDialog) -> None:
    dialog = make_dialog()
    dialog.target_chooser.field.setText("")

    assert dialog.problem_label.text() == "Name the new file."
    assert not dialog.export_button.isEnabled()


def test_the_home_of_nobody_is_a_folder_that_is_not_there(
    make_dialog: MakeDialog, settle: Settle
) -> None:
    dialog = make_dialog()
    settle(dialog)
    dialog.target_chooser.field.setText("~nosuchuser/out.mp4")
    assert not dialog.export_button.isEnabled()

    assert "the folder ~nosuchuser does not exist" in settle(dialog)
    assert not dialog.export_button.isEnabled()


def test_folder_of_the_new_file_is_shown(make_dialog: MakeDialog, tmp_path: Path) -> None:
    dialog = make_dialog()
    chooser = dialog.target_chooser
    shown = chooser.folder_label.text().replace("\N{ZERO WIDTH SPACE}", "")
    assert shown == f"In the folder {tmp_path}"
    chooser.field.setText("out.mp4")
    shown = chooser.folder_label.text().replace("\N{ZERO WIDTH SPACE}", "")
    assert shown == f"In the folder {Path.cwd()}"


def test_name_follows_template_delay_and_container_until_one_is_typed(
    make_dialog: MakeDialog, tmp_path: Path
) -> None:
    dialog = make_dialog(preferences=ExportPreferences("{name}.{delay_ms}{ext}"))
    field, combo = dialog.target_chooser.field, dialog.options.container_combo
    assert Path(field.text()).name == "clip.+160.mp4"
    dialog.correction_form.delay_field.setText("-40ms")
    combo.setCurrentIndex(combo.findData(".mkv"))
    combo.activated.emit(combo.currentIndex())
    assert Path(field.text()).name == "clip.-40.mkv"

    field.setText(str(tmp_path / "mine.mov"))
    assert combo.currentData() == ".mov"
    dialog.correction_form.delay_field.setText("80ms")
    assert Path(field.text()).name == "mine.mov"
    combo.setCurrentIndex(combo.findData(".mp4"))
    combo.activated.emit(combo.currentIndex())
    assert Path(field.text()).name == "mine.mp4"


def test_a_wrong_template_is_said(make_dialog: MakeDialog) -> None:
    dialog = make_dialog()
    dialog.options.template_field.setText("{title}{ext}")

    assert "is no template of a name" in dialog.problem_label.text()
    assert not dialog.export_button.isEnabled()


def test_layout_is_offered_where_there_is_one(make_dialog: MakeDialog, tmp_path: Path) -> None:
    dialog = make_dialog()
    dialog.options.fold_button.click()
    combo = dialog.options.layout_combo
    assert combo.isVisible()
    combo.setCurrentIndex(combo.findData(Layout.FASTSTART))
    assert dialog.request.layout is Layout.FASTSTART

    dialog.target_chooser.field.setText(str(tmp_path / "out.mkv"))
    assert not combo.isVisible()
    assert dialog.request.layout is None


def test_boxes_ticked_after_the_preview_count(make_dialog: MakeDialog, settle: Settle) -> None:
    dialog = make_dialog()
    settle(dialog)
    dialog.options.times_box.setChecked(True)
    dialog.options.certificate_box.setChecked(True)
    assert not dialog.export_button.isEnabled()
    settle(dialog)

    assert dialog.preview.request.keeps_times
    assert dialog.preview.request.certifies
    dialog.options.verify_box.setChecked(False)
    settle(dialog)
    assert not dialog.preview.request.verifies


def test_certificate_needs_the_verification(make_dialog: MakeDialog) -> None:
    dialog = make_dialog(preferences=ExportPreferences(certifies=True, keeps_times=True))
    assert dialog.request.certifies
    assert dialog.request.keeps_times
    dialog.options.verify_box.setChecked(False)

    assert not dialog.request.certifies
    assert not dialog.options.certificate_box.isEnabled()
    assert dialog.options.preferences.certifies, "what is chosen stays for the next time"


def test_one_several_or_all_sounds_are_moved(make_dialog: MakeDialog, settle: Settle) -> None:
    dialog = make_dialog(name="three.mkv", n_audio=3)
    assert settle(dialog) == ""
    assert dialog.correction_form.stream_list.isVisible()
    assert dialog.request.correction.audio_stream_indices == (1,)

    dialog.correction_form.stream_list.all_button.click()
    assert dialog.request.correction.audio_stream_indices == (1, 2, 3)
    for row in range(3):
        dialog.correction_form.stream_list.list.item(row).setCheckState(Qt.CheckState.Unchecked)
    assert dialog.problem_label.text() == "Choose one audio stream at least."
    dialog.correction_form.stream_list.list.item(2).setCheckState(Qt.CheckState.Checked)
    assert settle(dialog) == ""
    assert dialog.request.correction.audio_stream_indices == (3,)


def test_a_single_sound_is_no_question(make_dialog: MakeDialog) -> None:
    assert not make_dialog().correction_form.stream_list.isVisible()


def test_closed_dialog_looks_no_further(
    qtbot: QtBot, make_dialog: MakeDialog, queue: JobQueue
) -> None:
    dialog = make_dialog()
    with qtbot.assertNotEmitted(dialog.preview_job.previewed, wait=300):
        dialog.reject()


def test_a_dialog_of_much_stays_on_the_screen(
    qtbot: QtBot, make_dialog: MakeDialog, settle: Settle, drift: SyncMap, tmp_path: Path
) -> None:
    (tmp_path / "five.synced.mkv").touch()
    dialog = make_dialog(name="five.mkv", n_audio=5, sync_map=drift)
    dialog.options.fold_button.click()
    dialog.correction_form.stream_list.all_button.click()
    assert "exists already" in settle(dialog)
    dialog.command_button.click()
    screen_px = dialog.screen().availableGeometry().height()
    qtbot.waitUntil(lambda: screen_px - 100 < dialog.height() <= screen_px, timeout=1000)

    assert dialog.minimumSizeHint().height() <= screen_px
    for widget in (dialog.problem_label, dialog.export_button):
        assert widget.visibleRegion().boundingRect() == widget.rect()


def test_keys_reach_everything_in_the_order_of_reading(
    make_dialog: MakeDialog, settle: Settle, drift: SyncMap
) -> None:
    dialog = make_dialog(name="two.mkv", n_audio=2, sync_map=drift)
    chooser = dialog.correction_form.retiming
    assert chooser is not None
    settle(dialog)
    dialog.options.fold_button.click()
    order: list[QWidget] = []
    widget: QWidget | None = chooser.retime_button
    while widget is not None and widget not in order:
        order.append(widget)
        widget = widget.nextInFocusChain()
    stops = [
        chooser.retime_button,
        chooser.pitch_box,
        chooser.delay_button,
        dialog.correction_form.delay_field,
        dialog.correction_form.stream_list.list,
        dialog.target_chooser.field,
        dialog.target_chooser.browse_button,
        dialog.options.fold_button,
        dialog.options.container_combo,
        dialog.options.verify_box,
        dialog.options.detect_box,
        dialog.options.times_box,
        dialog.command_button,
        dialog.cancel_button,
        dialog.export_button,
    ]
    assert sorted(stops, key=order.index) == stops
