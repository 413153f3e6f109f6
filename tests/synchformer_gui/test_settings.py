from pathlib import Path

import pytest
from PySide6.QtCore import QByteArray, QSettings

from core.timing import TOLERANCES
from synchformer_gui.settings import ExportPreferences, Preferences, Settings

pytestmark = pytest.mark.gui


def test_first_start_has_defaults(home: Path) -> None:
    settings = Settings()

    assert settings.preferences == Preferences()
    assert settings.export_preferences == ExportPreferences()
    assert settings.last_folder == Path.home()
    assert settings.geometry.isEmpty()


def test_what_is_stored_is_there_at_the_next_start(home: Path, tmp_path: Path) -> None:
    chosen = Preferences(tolerance="film", model="classical", device="cpu", precision="float32")
    settings = Settings()
    settings.preferences = chosen
    how = ExportPreferences(template="{name}.moved{ext}", keeps_times=True, certifies=True)
    settings.export_preferences = how
    settings.last_folder = tmp_path
    settings.geometry = QByteArray(b"somewhere")
    del settings

    again = Settings()

    assert again.preferences == chosen
    assert again.export_preferences == how
    assert again.last_folder == tmp_path
    assert again.geometry == QByteArray(b"somewhere")
    assert (home / "settings.ini").is_file()


def test_unknown_tolerance_falls_back_to_the_default(home: Path) -> None:
    QSettings(str(home / "settings.ini"), QSettings.Format.IniFormat).setValue(
        "preferences/tolerance", "of-another-age"
    )

    assert Settings().preferences.tolerance == TOLERANCES[0].name


def test_custom_tolerance_is_remembered(home: Path) -> None:
    Settings().preferences = Preferences(tolerance="40/60")

    assert Settings().preferences.tolerance == "40/60"


def test_folder_that_is_gone_falls_back_to_home(home: Path, tmp_path: Path) -> None:
    Settings().last_folder = tmp_path / "gone"

    assert Settings().last_folder == Path.home()


def test_how_files_are_written_is_read_back_from_the_file(home: Path) -> None:
    store = QSettings(str(home / "settings.ini"), QSettings.Format.IniFormat)
    store.setValue("export/template", "")
    store.setValue("export/keeps_times", "true")
    store.setValue("export/certifies", "of-another-age")

    assert Settings().export_preferences == ExportPreferences(keeps_times=True)
