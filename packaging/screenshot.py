"""Screenshots of the window and of the export dialog, for README and user guide.

Opens the sample clip, detects its offset with the built-in model, opens the export dialog, and
saves `window.png` and `export.png`:

    python packaging/screenshot.py [FOLDER]

Needs no display. Settings and cache are temporary.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "guide"
CLIP = ROOT / "resources" / "sample.mp4"
CLIP_FOLDER = Path(tempfile.gettempdir()) / "Videos"
"""Holds a copy of the clip. The export dialog shows this path."""
POSITION_S = 1.6
"""A frame with a drum that is being hit."""
WINDOW_PX = (1180, 740)
DEADLINE_S = 120.0
SETTLE_S = 0.5
"""For repaints that no signal announces."""


def take_screenshots(folder: Path, clip: Path) -> None:
    """Save both screenshots as PNG files.

    Args:
        folder: Existing folder for the screenshots.
        clip: Video file with audio.

    Raises:
        RuntimeError: The clip cannot be opened or analyzed, or the window does not get ready.
    """
    from PySide6.QtWidgets import QApplication

    from core.model.store.catalog import BUILTIN
    from synchformer_gui.app import make_window
    from synchformer_gui.settings import Preferences, Settings
    from synchformer_gui.views.export.export_dialog import ExportDialog
    from synchformer_gui.views.theme import apply_theme

    app = QApplication(["screenshot"])
    app.setApplicationName("synchformer-gui")
    apply_theme(app)
    Settings().preferences = Preferences(model=BUILTIN)
    window = make_window()
    window.resize(*WINDOW_PX)
    failures: list[str] = []
    window.session.failed.connect(lambda error: failures.append(str(error)))
    window.player.failed.connect(lambda error: failures.append(str(error)))
    window.show()

    def wait(is_ready: Callable[[], bool], goal: str) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while not is_ready():
            app.processEvents()
            if failures:
                raise RuntimeError(f"{goal}: {failures[0]}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"{goal}: not done after {DEADLINE_S:.0f} s")
            time.sleep(0.01)
        settled = time.monotonic() + SETTLE_S
        while time.monotonic() < settled:
            app.processEvents()
            time.sleep(0.01)

    try:
        window.open_clip(clip)
        wait(lambda: window.session.can_detect, "open the clip")
        wait(lambda: not window.playback.video.frames.image.isNull(), "show the first frame")
        window.detect()
        wait(lambda: window.session.detection is not None, "detect the offset")
        window.playback.seek(POSITION_S)
        wait(lambda: abs(window.player.position_s - POSITION_S) < 0.1, "seek")
        _save(window, folder / "window.png")
        window.export()
        (dialog,) = window.findChildren(ExportDialog)
        wait(dialog.export_button.isEnabled, "preview the export")
        _save(dialog, folder / "export.png")
        dialog.reject()
    finally:
        window.close()


def _save(widget: "QWidget", path: Path) -> None:
    if not widget.grab().save(str(path)):
        raise RuntimeError(f"{path} cannot be written")


def main() -> None:
    """Take the screenshots named by the command line."""
    parser = argparse.ArgumentParser(description="Take the screenshots of README and user guide.")
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    sys.path.insert(0, str(ROOT))
    CLIP_FOLDER.mkdir()
    try:
        clip = Path(shutil.copy(CLIP, CLIP_FOLDER))
        with tempfile.TemporaryDirectory() as home:
            os.environ["SYNCHFORMER_HOME"] = home
            take_screenshots(folder, clip)
    finally:
        shutil.rmtree(CLIP_FOLDER)


if __name__ == "__main__":
    main()
