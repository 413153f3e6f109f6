from collections.abc import Callable
from dataclasses import replace

import pytest
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from core.correction.verify.verify import Verification
from core.detection.result import Detection, Reason, Verdict
from core.detection.sync_map import SyncMap
from core.media.formats.output_format import MP4
from core.workflow.export import Exported
from synchformer_gui.views import theme
from synchformer_gui.views.detection.result_panel import ResultPanel
from synchformer_gui.wording.verdict import answer_sentence, correction_sentence
from tests.core.correction.steps import unread_plan

pytestmark = pytest.mark.gui

PLAN = unread_plan(MP4, source="clip.mp4", target="clip.synced.mp4")


@pytest.fixture
def panel(qtbot: QtBot) -> ResultPanel:
    panel = ResultPanel()
    qtbot.addWidget(panel)
    panel.resize(360, 500)
    panel.show()
    return panel


def plain(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize("verdict", list(Verdict))
def test_verdict_is_told_in_words_and_colour(
    panel: ResultPanel, make_detection: Callable[..., Detection], verdict: Verdict
) -> None:
    undecided = verdict is Verdict.CANNOT_TELL
    detection = make_detection(verdict, Reason.NOT_CONFIDENT if undecided else Reason.NONE)
    panel.show_detection(detection)

    assert verdict.upper() in panel.verdict_label.text()
    assert theme.VERDICT_COLOURS[verdict] in panel.verdict_label.styleSheet()
    assert plain(panel.answer_label.text()) == answer_sentence(detection)
    assert panel.correction_label.isVisible() == (verdict is Verdict.OUT_OF_SYNC)


def test_changing_offset_is_told_instead_of_a_single_one(
    panel: ResultPanel, make_detection: Callable[..., Detection], drift: SyncMap
) -> None:
    detection = make_detection(sync_map=drift)
    panel.show_detection(detection)

    assert panel.headline_label.text() == "Audio drifts"
    assert plain(panel.answer_label.text()) == answer_sentence(detection)
    assert plain(panel.correction_label.text()) == correction_sentence(detection)
    shown = [label.text() for label in panel.facts.findChildren(QLabel)]
    assert "changes over the clip" in shown


def test_warnings_are_shown(panel: ResultPanel, make_detection: Callable[..., Detection]) -> None:
    panel.show_detection(make_detection(warnings=("The clip is short.",)))

    assert panel.warning_label.isVisible()
    assert "The clip is short." in panel.warning_label.text()


def test_classical_answer_offers_a_model(
    qtbot: QtBot, panel: ResultPanel, make_detection: Callable[..., Detection]
) -> None:
    panel.show_detection(make_detection(engine_id="other"))
    assert not panel.models_button.isVisible()
    panel.show_detection(make_detection())
    with qtbot.waitSignal(panel.models_requested):
        panel.models_button.click()


def test_built_in_model_offers_a_better_model_when_it_is_in_doubt(
    panel: ResultPanel, make_detection: Callable[..., Detection]
) -> None:
    panel.show_detection(make_detection(engine_id="builtin", confidence=0.99))
    assert not panel.models_button.isVisible()
    panel.show_detection(
        make_detection(
            Verdict.CANNOT_TELL, Reason.NOT_CONFIDENT, engine_id="builtin", confidence=0.3
        )
    )
    assert panel.models_button.isVisible()
    assert "trained on generated clips only" in panel.offer_label.text()


def test_whether_picture_and_sound_belong_together_is_told_where_it_is_known(
    panel: ResultPanel, make_detection: Callable[..., Detection]
) -> None:
    def shown() -> list[str]:
        labels = panel.facts.findChildren(QLabel)
        return [label.text() for label in labels if label.isVisible()]

    panel.show_detection(make_detection(synchronizability=0.1))
    assert shown()[4:6] == ["Belong together", "unlikely"]
    panel.show_detection(make_detection())
    assert "Belong together" not in shown()


def test_export_says_how_it_was_found_to_be(
    panel: ResultPanel, make_detection: Callable[..., Detection]
) -> None:
    verification = Verification(packets_equal=True, shift_error_s=0.0, lost_streams=())
    panel.show_detection(make_detection())
    panel.show_exported(Exported(PLAN, verification))

    assert panel.exported.isVisible()
    assert "clip.synced.mp4" in panel.exported.label.text()
    assert "Verified" in panel.exported.label.text()


def test_a_file_that_was_not_measured_is_not_called_verified(panel: ResultPanel) -> None:
    panel.show_exported(Exported(PLAN, None))

    assert "Wrote clip.synced.mp4" in panel.exported.label.text()
    assert "not compared with its source" in panel.exported.label.text()


def test_what_is_missing_is_no_good_news(panel: ResultPanel) -> None:
    problem = "The certificate cannot be written."
    verification = Verification(packets_equal=True, shift_error_s=0.0, lost_streams=())
    exported = Exported(PLAN, verification, ("Damaged sound.",))
    panel.show_exported(replace(exported, certificate_problem=problem))

    note = panel.exported
    assert plain(note.problem_label.text()) == f"⚠ Damaged sound.\n⚠ {problem}"
    assert note.problem_label.isVisible()
    assert note.problem_label.objectName() == "warning"
    assert "Damaged" not in note.label.text()
    assert "certificate" not in note.label.text()
    panel.show_exported(replace(exported, notes=()))
    assert not note.problem_label.isVisible()


def test_next_clip_starts_without_an_answer(
    panel: ResultPanel, make_detection: Callable[..., Detection]
) -> None:
    panel.show_detection(make_detection())
    panel.show_no_answer()

    assert panel.hint_label.isVisible()
    assert not panel.verdict_label.isVisible()
    assert not panel.models_button.isVisible()
