import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QTreeWidgetItem
from pytestqt.qtbot import QtBot

from core.errors import Cancelled
from core.model.store.catalog import CATALOG
from synchformer_gui.jobs.jobs import Job, JobQueue
from synchformer_gui.views.models_dialog import ModelsDialog
from synchformer_gui.wording.engines import ABOUT_BUILTIN

pytestmark = pytest.mark.gui


@pytest.fixture
def dialog(qtbot: QtBot, home: Path) -> Iterator[ModelsDialog]:
    queue = JobQueue(1)
    dialog = ModelsDialog(queue)
    qtbot.addWidget(dialog)
    dialog.show()
    yield dialog
    queue.close()


def rows(dialog: ModelsDialog) -> list[QTreeWidgetItem]:
    items = [dialog.tree.topLevelItem(i) for i in range(dialog.tree.topLevelItemCount())]
    return [item for item in items if item is not None]


def test_all_published_models_are_listed(dialog: ModelsDialog) -> None:
    assert [row.text(0) for row in rows(dialog)] == [entry.title for entry in CATALOG]
    assert not any(row.text(3) for row in rows(dialog))


def test_what_the_built_in_model_is_good_for_is_told(dialog: ModelsDialog) -> None:
    assert dialog.builtin_label.isVisible()
    assert dialog.builtin_label.text() == ABOUT_BUILTIN


def test_only_what_is_possible_is_offered(dialog: ModelsDialog) -> None:
    dialog.tree.setCurrentItem(rows(dialog)[1])

    assert dialog.download_button.isEnabled()
    assert not dialog.verify_button.isEnabled()
    assert not dialog.remove_button.isEnabled()
    assert dialog.terms_label.text().endswith(CATALOG[1].licence)


def test_what_a_model_is_best_for_is_told(dialog: ModelsDialog) -> None:
    faces = next(row for row in rows(dialog) if "LRS3" in row.text(0))
    dialog.tree.setCurrentItem(faces)

    assert dialog.terms_label.text().startswith("Best for speaking faces.")


def test_escape_stops_the_work(qtbot: QtBot, dialog: ModelsDialog) -> None:
    started, stopped = threading.Event(), threading.Event()

    def work(job: Job) -> None:
        started.set()
        try:
            while True:
                job.check()
                time.sleep(0.005)
        except Cancelled:
            stopped.set()
            raise

    dialog._start(work, "Waiting")
    assert started.wait(5)
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)

    assert not dialog.isVisible()
    assert stopped.wait(5)


def test_file_that_is_no_model_is_refused_with_a_sentence(
    qtbot: QtBot, dialog: ModelsDialog, tmp_path: Path
) -> None:
    path = tmp_path / "holiday.pt"
    path.write_bytes(b"not weights")
    with qtbot.waitSignal(dialog.models_changed, timeout=20000):
        dialog.import_file(path)
        assert dialog.cancel_button.isVisible()
        assert not dialog.import_button.isEnabled()

    assert "holiday.pt" in dialog.banner.message_label.text()
    assert dialog.import_button.isEnabled()
    assert not dialog.cancel_button.isVisible()
