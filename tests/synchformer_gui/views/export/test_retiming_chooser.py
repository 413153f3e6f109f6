"""The choice between retiming and one delay, within the export dialog."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from core.detection.result import Detection, Reason, Verdict
from core.detection.sync_map import MapKind, Piece, SyncMap
from core.media.delay_hints import DelayHint
from core.progress import SILENT
from core.timing import TimeSpan
from core.workflow.export import export
from synchformer_gui.views.export.correction_form import RetimingChooser
from synchformer_gui.views.export.export_dialog import ExportDialog
from synchformer_gui.views.export.initial_values import propose
from synchformer_gui.wording.export import exported_lines

pytestmark = pytest.mark.gui

MakeDialog = Callable[..., ExportDialog]
Settle = Callable[[ExportDialog], str]


def jumps(*offsets_s: float, piece_s: float = 1.0) -> SyncMap:
    """Pieces of equal length with an offset each."""
    pieces = [
        Piece(
            TimeSpan(number * piece_s, (number + 1) * piece_s),
            offset_s,
            offset_s,
            (offset_s - 0.01, offset_s + 0.01),
            (offset_s - 0.01, offset_s + 0.01),
        )
        for number, offset_s in enumerate(offsets_s)
    ]
    return SyncMap(MapKind.JUMPS, tuple(pieces))


def chooser_of(dialog: ExportDialog) -> RetimingChooser:
    chooser = dialog.correction_form.retiming
    assert chooser is not None
    return chooser


def test_a_drift_that_is_known_proposes_retiming_and_says_how_sound_is_encoded(
    make_dialog: MakeDialog, settle: Settle, drift: SyncMap
) -> None:
    dialog = make_dialog(sync_map=drift)
    chooser = chooser_of(dialog)
    assert "encoded again" in chooser.coding_label.text(), "known before any file was looked at"
    assert settle(dialog) == ""

    assert chooser.retimes
    assert "times as long" in chooser.what_label.text()
    assert "encoded again, as AAC at " in chooser.coding_label.text()
    assert "is encoded again, as AAC at " in dialog.preview_view.notes_label.text()
    assert "only the audio named above" in dialog.preview_view.promise_label.text()
    assert not dialog.correction_form.delay_field.isEnabled()
    assert dialog.export_button.isEnabled()
    retiming = dialog.request.correction.retiming
    assert retiming is not None
    assert retiming.is_stretched
    assert not retiming.keeps_pitch
    assert dialog.request.verifies


def test_retimed_export_is_measured_and_says_so(
    make_dialog: MakeDialog, settle: Settle, drift: SyncMap
) -> None:
    dialog = make_dialog(sync_map=drift)
    settle(dialog)
    exported = export(dialog.preview, SILENT)

    assert exported.verification is not None
    (check,) = exported.verification.retimed
    assert check.error_s <= check.accepted_s
    said = " ".join(exported_lines(exported, exported.path.name))
    assert "times as long" in said
    assert "Verified: all but the audio encoded again is unchanged" in said


def test_pitch_is_kept_on_request(make_dialog: MakeDialog, settle: Settle, drift: SyncMap) -> None:
    dialog = make_dialog(sync_map=drift)
    chooser = chooser_of(dialog)
    chooser.pitch_box.click()
    assert settle(dialog) == ""

    retiming = dialog.request.correction.retiming
    assert retiming is not None
    assert retiming.keeps_pitch
    assert "its pitch kept" in chooser.what_label.text()


def test_one_delay_stays_possible(make_dialog: MakeDialog, settle: Settle, drift: SyncMap) -> None:
    dialog = make_dialog(sync_map=drift)
    form = dialog.correction_form
    chooser_of(dialog).delay_button.click()
    assert "no one delay repairs it" in settle(dialog)
    assert not dialog.export_button.isEnabled()
    assert not chooser_of(dialog).pitch_box.isEnabled()

    form.delay_field.setText("80ms")
    assert settle(dialog) == ""
    assert dialog.request.correction.retiming is None
    assert dialog.request.correction.audio_delay_s == Fraction(80, 1000)
    assert "Nothing is encoded again" in dialog.preview_view.promise_label.text()


def test_jumps_are_moved_in_pieces_without_a_question_of_pitch(
    make_dialog: MakeDialog, settle: Settle
) -> None:
    dialog = make_dialog(sync_map=jumps(0.1, -0.1))
    assert settle(dialog) == ""

    chooser = chooser_of(dialog)
    assert "measured jumps" in chooser.retime_button.text()
    assert chooser.what_label.text() == "The sound is moved in 2 pieces."
    assert not chooser.pitch_box.isVisible()
    retiming = dialog.request.correction.retiming
    assert retiming is not None
    assert len(retiming.pieces) == 2


def test_pieces_too_short_to_be_moved_are_told_and_leave_one_delay(
    make_dialog: MakeDialog, settle: Settle
) -> None:
    dialog = make_dialog(sync_map=jumps(0.8, -0.8, 0.8, piece_s=0.6))
    chooser = chooser_of(dialog)

    assert not chooser.retime_button.isEnabled()
    assert not chooser.retimes
    said = chooser.what_label.text().replace("\N{ZERO WIDTH SPACE}", "")
    assert "too short to be moved so far" in said
    assert not chooser.coding_label.isVisible()
    dialog.correction_form.delay_field.setText("40ms")
    assert settle(dialog) == ""


@pytest.mark.parametrize(
    ("verdict", "reason", "advice"),
    [
        (Verdict.CANNOT_TELL, Reason.TOO_COARSE, "no one delay repairs it"),
        (Verdict.IN_SYNC, Reason.NONE, "all of it is in sync"),
    ],
)
def test_retiming_a_drift_that_may_be_within_tolerance_is_offered_but_not_proposed(
    make_dialog: MakeDialog,
    settle: Settle,
    drift: SyncMap,
    verdict: Verdict,
    reason: Reason,
    advice: str,
) -> None:
    dialog = make_dialog(verdict, reason=reason, sync_map=drift)
    assert not chooser_of(dialog).retimes
    assert advice in dialog.problem_label.text()
    chooser_of(dialog).retime_button.click()

    assert settle(dialog) == ""
    assert dialog.request.correction.retiming is not None


def test_a_hint_goes_before_but_retiming_is_still_offered(
    make_detection: Callable[..., Detection], drift: SyncMap
) -> None:
    detection = make_detection(sync_map=drift)
    hint = DelayHint("The name states a delay.", Fraction(-33, 1000))
    proposal = propose(detection.info, 1, detection, hint)

    assert proposal.delay == "-33ms"
    assert proposal.changing is detection
    assert not proposal.retimes


def test_there_is_no_choice_where_the_offset_is_constant(make_dialog: MakeDialog) -> None:
    assert make_dialog().correction_form.retiming is None


def test_a_container_that_takes_no_encoded_sound_is_told(
    make_dialog: MakeDialog, settle: Settle, drift: SyncMap
) -> None:
    vorbis = {"audio_codec": "vorbis", "rate_hz": 48000, "n_channels": 2}
    dialog = make_dialog(name="clip.webm", video_codec="libvpx-vp9", sync_map=drift, **vorbis)

    assert settle(dialog) == (
        "clip.synced.webm takes no sound that is encoded here in place of stream 1 of clip.webm; "
        "choose a name that ends in .mkv."
    )
    assert not dialog.export_button.isEnabled()
    assert dialog.export_button.toolTip() == dialog.problem_label.text().replace(
        "\N{ZERO WIDTH SPACE}", ""
    )


def test_no_command_retimes_alike(make_dialog: MakeDialog, settle: Settle, drift: SyncMap) -> None:
    QGuiApplication.clipboard().clear()
    dialog = make_dialog(sync_map=drift)
    settle(dialog)
    dialog.command_button.click()

    assert "cannot retime audio" in dialog.command_label.text()
    assert QGuiApplication.clipboard().text() == ""


def test_cancel_writes_nothing(
    qtbot: QtBot, make_dialog: MakeDialog, settle: Settle, drift: SyncMap, tmp_path: Path
) -> None:
    dialog = make_dialog(sync_map=drift)
    settle(dialog)
    before = set(tmp_path.iterdir())
    with qtbot.waitSignal(dialog.rejected), qtbot.assertNotEmitted(dialog.accepted):
        dialog.cancel_button.click()

    assert not dialog.isVisible()
    assert set(tmp_path.iterdir()) == before
