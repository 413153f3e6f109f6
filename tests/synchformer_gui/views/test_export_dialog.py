from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from core.detection.result import Detection, Reason, Verdict
from core.detection.syncmap.pieces import SyncMap
from synchformer_gui.views.export_dialog import ExportDialog

pytestmark = pytest.mark.gui


@pytest.fixture
def make_dialog(
    qtbot: QtBot, make_detection: Callable[..., Detection]
) -> Callable[..., ExportDialog]:
    def make(verdict: Verdict = Verdict.OUT_OF_SYNC, **options: object) -> ExportDialog:
        dialog = ExportDialog(make_detection(verdict, **options))
        qtbot.addWidget(dialog)
        dialog.show()
        return dialog

    return make


def test_estimate_and_name_are_proposed(make_dialog: Callable[..., ExportDialog]) -> None:
    dialog = make_dialog()

    assert dialog.audio_delay_s == Fraction(160, 1000)
    assert dialog.target.name == "clip.synced.mp4"
    assert dialog.sentence_label.text() == "Correction: delay audio by 160 ms."
    assert dialog.export_button.isEnabled()
    assert not dialog.overwrite


@pytest.mark.parametrize(
    ("text", "delay_s"),
    [("160ms", "0.16"), ("4f", "0.16"), ("0.16s", "0.16"), ("-40", "-0.04"), ("1.5f", "0.06")],
)
def test_delay_is_taken_as_people_write_it(
    make_dialog: Callable[..., ExportDialog], text: str, delay_s: str
) -> None:
    dialog = make_dialog()
    dialog.delay_field.setText(text)

    assert dialog.audio_delay_s == Fraction(delay_s)
    assert dialog.export_button.isEnabled()


@pytest.mark.parametrize("text", ["", "soon", "4 bananas", "0", "0ms"])
def test_what_is_no_delay_cannot_be_exported(
    make_dialog: Callable[..., ExportDialog], text: str
) -> None:
    dialog = make_dialog()
    dialog.delay_field.setText(text)

    assert not dialog.export_button.isEnabled()
    assert dialog.problem_label.isVisible()
    assert dialog.problem_label.text().endswith(".")


def test_undecided_answer_proposes_no_delay(make_dialog: Callable[..., ExportDialog]) -> None:
    dialog = make_dialog(Verdict.CANNOT_TELL, reason=Reason.NOT_CONFIDENT)

    assert dialog.delay_field.text() == ""
    assert not dialog.export_button.isEnabled()
    assert not dialog.replace_box.isVisible()
    dialog.delay_field.setText("2f")
    assert dialog.export_button.isEnabled()


def test_an_offset_that_changes_proposes_no_delay(
    make_dialog: Callable[..., ExportDialog], drift: SyncMap
) -> None:
    dialog = make_dialog(sync_map=drift)

    assert dialog.delay_field.text() == ""
    assert "no one delay repairs it" in dialog.problem_label.text()
    assert not dialog.export_button.isEnabled()


def test_source_is_refused(make_dialog: Callable[..., ExportDialog], tmp_path: Path) -> None:
    dialog = make_dialog()
    dialog.target_field.setText(str(tmp_path / "clip.mp4"))

    assert not dialog.export_button.isEnabled()
    assert "never replaced" in dialog.problem_label.text()
    assert not dialog.replace_box.isVisible()


def test_existing_file_is_replaced_only_with_consent(
    make_dialog: Callable[..., ExportDialog], tmp_path: Path
) -> None:
    (tmp_path / "other.mp4").touch()
    dialog = make_dialog()
    dialog.target_field.setText(str(tmp_path / "other.mp4"))
    assert not dialog.export_button.isEnabled()

    dialog.replace_box.setChecked(True)

    assert dialog.export_button.isEnabled()
    assert dialog.overwrite


@pytest.mark.parametrize("name", ["", "nowhere/clip.mp4"])
def test_impossible_targets_are_refused(
    make_dialog: Callable[..., ExportDialog], tmp_path: Path, name: str
) -> None:
    dialog = make_dialog()
    dialog.target_field.setText(str(tmp_path / name) if name else "")

    assert not dialog.export_button.isEnabled()


@pytest.mark.parametrize("delay", ["10s", "-10000", "3600s"])
def test_delay_beyond_the_clip_is_refused(
    make_dialog: Callable[..., ExportDialog], delay: str
) -> None:
    dialog = make_dialog()
    dialog.delay_field.setText(delay)

    assert not dialog.export_button.isEnabled()
    assert "clip.mp4 (10 s)" in dialog.problem_label.text()
    dialog.delay_field.setText("9.9s")
    assert dialog.export_button.isEnabled()


@pytest.mark.parametrize("name", ["out.avi", "out"])
def test_container_that_cannot_be_written_is_refused(
    make_dialog: Callable[..., ExportDialog], tmp_path: Path, name: str
) -> None:
    dialog = make_dialog()
    dialog.target_field.setText(str(tmp_path / name))

    assert not dialog.export_button.isEnabled()
    assert ".mkv" in dialog.problem_label.text()


def test_folder_of_the_new_file_is_shown(
    make_dialog: Callable[..., ExportDialog], tmp_path: Path
) -> None:
    dialog = make_dialog()
    shown = dialog.folder_label.text().replace("\N{ZERO WIDTH SPACE}", "")
    assert shown == f"In the folder {tmp_path}"
    dialog.target_field.setText("out.mp4")
    shown = dialog.folder_label.text().replace("\N{ZERO WIDTH SPACE}", "")
    assert shown == f"In the folder {Path.cwd()}"
