from pathlib import Path

import pytest
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from core.errors import MediaError
from synchformer_gui.views.banner import Banner, DetailsDialog

pytestmark = pytest.mark.gui

PATH = Path("/clips/broken.mp4")


@pytest.fixture
def banner(qtbot: QtBot) -> Banner:
    banner = Banner()
    qtbot.addWidget(banner)
    return banner


def test_error_is_shown_until_it_is_closed(banner: Banner) -> None:
    assert not banner.isVisible()
    banner.show_error(MediaError("broken.mp4 is damaged."))
    assert banner.message_label.text() == "broken.mp4 is damaged."
    assert banner.isVisible()

    banner.close_button.click()

    assert not banner.isVisible()


def test_all_that_is_known_can_be_copied(banner: Banner) -> None:
    banner.show_error(MediaError("It is damaged.", path=PATH, details="no moov atom"))
    banner.details_button.click()
    dialog = banner.findChild(DetailsDialog)
    assert dialog is not None
    copy_button = next(b for b in dialog.findChildren(QPushButton) if b.text() == "Copy")
    copy_button.click()

    copied = QGuiApplication.clipboard().text()
    assert all(part in copied for part in ("It is damaged.", str(PATH), "no moov atom"))


def test_long_paths_do_not_widen_it(banner: Banner) -> None:
    banner.show_error(MediaError("/" + "y" * 250 + ".mp4 cannot be read."))

    assert banner.minimumSizeHint().width() < 640


def test_news_of_a_clip_before_has_no_details_and_errors_have_them_again(banner: Banner) -> None:
    banner.show_abandoned(Path("/clips/out.mp4"))
    said = banner.message_label.text()
    assert said.startswith("out.mp4 was not written because another clip was opened")
    assert not banner.details_button.isVisible()

    banner.show_error(MediaError("broken.mp4 is damaged."))
    assert banner.details_button.isVisible()
