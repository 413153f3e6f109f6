"""Settings that are kept between starts of the window."""

import os
from dataclasses import dataclass, fields, replace
from pathlib import Path

from PySide6.QtCore import QByteArray, QSettings

from core.correction.plan.file_name import DEFAULT_TEMPLATE
from core.paths import data_dir
from core.timing import TOLERANCES, tolerance_named


@dataclass(frozen=True, slots=True)
class Preferences:
    """Detection settings of the user.

    Attributes:
        tolerance: Name for `core.timing.tolerance_named`.
        model: "auto", "builtin", "classical" or the id of an installed model.
        device: Device of networks: auto, cpu, cuda, cuda:N or mps.
        precision: Arithmetic of networks: auto, float32, bfloat16 or float16.
        extent: "everything" analyzes the whole clip; "auto" stops early in long clips, once the
            margin is narrow.
    """

    tolerance: str = TOLERANCES[0].name
    model: str = "auto"
    device: str = "auto"
    precision: str = "auto"
    extent: str = "auto"


@dataclass(frozen=True, slots=True)
class ExportPreferences:
    """Export settings of the user. Verification is not kept: it is on for every export.

    Attributes:
        template: Name of a new file, for `core.correction.plan.file_name.default_target`.
        keeps_times: Copy times and permissions of the source to the new file.
        certifies: Write a certificate beside the new file.
    """

    template: str = DEFAULT_TEMPLATE
    keeps_times: bool = False
    certifies: bool = False


class Settings:
    """Preferences, last folder and geometry; kept in `SYNCHFORMER_HOME` if it is set."""

    def __init__(self) -> None:
        if os.environ.get("SYNCHFORMER_HOME"):
            self._store = QSettings(str(data_dir() / "settings.ini"), QSettings.Format.IniFormat)
        else:
            self._store = QSettings("synchformer-gui", "synchformer-gui")

    @property
    def preferences(self) -> Preferences:
        preferences = Preferences()
        for field in fields(Preferences):
            value = self._store.value(f"preferences/{field.name}")
            if isinstance(value, str) and value:
                preferences = replace(preferences, **{field.name: value})
        try:
            tolerance_named(preferences.tolerance)
        except ValueError:
            preferences = replace(preferences, tolerance=TOLERANCES[0].name)
        return preferences

    @preferences.setter
    def preferences(self, preferences: Preferences) -> None:
        for field in fields(Preferences):
            self._store.setValue(f"preferences/{field.name}", getattr(preferences, field.name))

    @property
    def export_preferences(self) -> ExportPreferences:
        usual = ExportPreferences()
        template = self._store.value("export/template")
        return ExportPreferences(
            template if isinstance(template, str) and template else usual.template,
            self._flag("export/keeps_times", default=usual.keeps_times),
            self._flag("export/certifies", default=usual.certifies),
        )

    @export_preferences.setter
    def export_preferences(self, preferences: ExportPreferences) -> None:
        for field in fields(ExportPreferences):
            self._store.setValue(f"export/{field.name}", getattr(preferences, field.name))

    @property
    def last_folder(self) -> Path:
        """Folder of the last clip; the home folder if it is gone."""
        value = self._store.value("last_folder")
        folder = Path(value) if isinstance(value, str) else Path.home()
        return folder if folder.is_dir() else Path.home()

    @last_folder.setter
    def last_folder(self, folder: Path) -> None:
        self._store.setValue("last_folder", str(folder))

    @property
    def geometry(self) -> QByteArray:
        """Position and size of the window; empty at the first start."""
        value = self._store.value("geometry")
        return value if isinstance(value, QByteArray) else QByteArray()

    @geometry.setter
    def geometry(self, geometry: QByteArray) -> None:
        self._store.setValue("geometry", geometry)

    def _flag(self, key: str, *, default: bool) -> bool:
        # INI files hold booleans as words.
        value = self._store.value(key, default)
        return value if isinstance(value, bool) else value == "true"
