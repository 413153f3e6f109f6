from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from core.media.info import AudioStream
from core.model.checkpoints.kind import CheckpointKind
from core.model.store.catalog import entry
from core.model.store.store import InstalledModel
from core.timing import TOLERANCES
from synchformer_gui.views.detection.detect_panel import DetectPanel
from synchformer_gui.wording.offset import tolerance_text

pytestmark = pytest.mark.gui

WIDTH_PX = 356


@pytest.fixture
def panel(qtbot: QtBot) -> DetectPanel:
    panel = DetectPanel()
    qtbot.addWidget(panel)
    panel.setFixedWidth(WIDTH_PX)
    panel.show()
    return panel


def installed(*aliases: str) -> Sequence[InstalledModel]:
    entries = [entry(alias) for alias in aliases]
    return [
        InstalledModel(one.id, CheckpointKind.SYNC, one.title, Path(one.id), "", 1)
        for one in entries
    ]


def test_tolerances_fit_and_tell_their_limits(panel: DetectPanel) -> None:
    combo = panel.tolerance_combo
    for index, tolerance in enumerate(TOLERANCES):
        assert combo.fontMetrics().horizontalAdvance(combo.itemText(index)) < combo.width() - 40
        tip = combo.itemData(index, Qt.ItemDataRole.ToolTipRole)
        assert tip == tolerance_text(tolerance)


def test_custom_tolerance_starts_from_the_one_chosen_before(
    qtbot: QtBot, panel: DetectPanel
) -> None:
    panel.set_tolerance("ebu-r37")
    assert not panel.custom_tolerance.isVisible()
    last = panel.tolerance_combo.count() - 1
    panel.tolerance_combo.setCurrentIndex(last)
    with qtbot.waitSignal(panel.tolerance_chosen) as chosen:
        panel.tolerance_combo.activated.emit(last)

    assert chosen.args == ["40/60"]
    assert panel.custom_tolerance.isVisible()
    with qtbot.waitSignal(panel.tolerance_chosen) as chosen:
        panel.custom_tolerance.late_spin.setValue(80)
    assert chosen.args == ["40/80"]


def test_custom_tolerance_is_shown_with_its_limits(qtbot: QtBot, panel: DetectPanel) -> None:
    with qtbot.assertNotEmitted(panel.tolerance_chosen):
        panel.set_tolerance("30/70")

    assert panel.tolerance_combo.currentText() == "Custom…"
    assert panel.custom_tolerance.early_spin.value() == 30
    assert panel.custom_tolerance.late_spin.value() == 70
    panel.set_tolerance("film")
    assert not panel.custom_tolerance.isVisible()


def test_models_that_are_always_there_come_first(panel: DetectPanel) -> None:
    panel.set_models(installed("audioset"), "auto")
    combo = panel.model_combo

    assert [combo.itemData(i) for i in range(4)] == [
        "auto", "builtin", "classical", entry("audioset").id
    ]  # fmt: skip
    assert [combo.itemText(i) for i in range(3)] == [
        "Automatic", "Built-in model", "Classical estimate"
    ]  # fmt: skip
    assert "generated clips" in combo.itemData(1, Qt.ItemDataRole.ToolTipRole)
    assert combo.currentData() == "auto"


def test_installed_models_tell_what_they_are_best_for(panel: DetectPanel) -> None:
    panel.set_models(installed("audioset", "lrs3"), entry("lrs3").id)

    assert panel.model_combo.currentText() == entry("lrs3").title
    tip = panel.model_combo.currentData(Qt.ItemDataRole.ToolTipRole)
    assert tip == "Best for speaking faces"


def test_asking_for_more_models_keeps_the_choice(qtbot: QtBot, panel: DetectPanel) -> None:
    panel.set_models(installed("audioset"), entry("audioset").id)
    last = panel.model_combo.count() - 1
    panel.model_combo.setCurrentIndex(last)
    with (
        qtbot.assertNotEmitted(panel.model_chosen),
        qtbot.waitSignal(panel.models_requested),
    ):
        panel.model_combo.activated.emit(last)

    assert panel.model_combo.currentData() == entry("audioset").id


def test_audio_is_a_choice_only_where_there_is_one(panel: DetectPanel) -> None:
    tick = Fraction(1, 48000)
    english = AudioStream(1, "aac", 48000, 2, tick, 0.0, 10.0, "eng")
    german = AudioStream(2, "ac3", 48000, 6, tick, 0.0, 10.0, "deu")
    panel.set_audios((english,))
    assert not panel.audio_combo.isVisible()
    panel.set_audios((english, german))

    assert panel.audio_combo.isVisible()
    assert panel.audio_combo.itemText(1) == "2: AC-3, 6 ch, deu"
    assert panel.audio_combo.itemData(1) == 2
