"""What the application remembers from one start to the next."""

import os
from dataclasses import dataclass, fields, replace
from pathlib import Path

from PySide6.QtCore import QByteArray, QSettings

from core.correction.plan.file_name import DEFAULT_TEMPLATE
from core.paths import data_dir
from core.timing import TOLERANCES, tolerance_named


@dataclass(frozen=True, slots=True)
class Preferences:
    """The choices of the user.

    Attributes:
        tolerance: A name that `core.timing.tolerance_named` knows.
        model: "auto", "builtin", "classical" or the id of an installed model.
        device: Where networks run: auto, cpu, cuda, cuda:N or mps.
        precision: Arithmetic of networks: auto, float32, bfloat16 or float16.
        extent: How much of a clip is judged: "everything", or with "auto" of long clips as much as
            a narrow margin takes.
    """

    tolerance: str = TOLERANCES[0].name
    model: str = "auto"
    device: str = "auto"
    precision: str = "auto"
    extent: str = "auto"


@dataclass(frozen=True, slots=True)
class ExportPreferences:
    """How corrected files are written; verification is on each time.

    Attributes:
        template: Name of a new file, as `core.correction.plan.file_name.default_target` takes it.
        keeps_times: Whether it gets the times and permissions of the source.
        certifies: Whether a certificate is written beside it.
    """

    template: str = DEFAULT_TEMPLATE
    keeps_times: bool = False
    certifies: bool = False


class Settings:
    """Preferences, last folder and geometry; in `SYNCHFORMER_HOME` if that is set."""

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
        """The folder of the last clip, or the home folder if it is gone."""
        value = self._store.value("last_folder")
        folder = Path(value) if isinstance(value, str) else Path.home()
        return folder if folder.is_dir() else Path.home()

    @last_folder.setter
    def last_folder(self, folder: Path) -> None:
        self._store.setValue("last_folder", str(folder))

    @property
    def geometry(self) -> QByteArray:
        """Position and size of the window; empty before the first time."""
        value = self._store.value("geometry")
        return value if isinstance(value, QByteArray) else QByteArray()

    @geometry.setter
    def geometry(self, geometry: QByteArray) -> None:
        self._store.setValue("geometry", geometry)

    def _flag(self, key: str, *, default: bool) -> bool:
        # Files of settings hold words.
        value = self._store.value(key, default)
        return value if isinstance(value, bool) else value == "true"
