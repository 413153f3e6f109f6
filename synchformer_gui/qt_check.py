"""Check that Qt can start on this machine. A failed start of Qt would abort the process."""

import ctypes
import importlib.util
import os
import sys
from pathlib import Path

# Debian 12 and Ubuntu 22.04 or later, found by adding packages to a bare system until Qt started.
_APT_PACKAGES = (
    "libgl1 libegl1 libglib2.0-0 libxkbcommon0 libfontconfig1 libdbus-1-3 libpulse0 libxrandr2 "
    "libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-randr0 libxcb-render-util0 "
    "libxcb-shape0 libxcb-xkb1 libxkbcommon-x11-0 libx11-xcb1 fonts-dejavu-core"
)
INSTALL_LINE = f"apt-get install -y {_APT_PACKAGES}"
_XCB_PLUGIN = "platforms/libqxcb.so"
_MEDIA_PLUGIN = "multimedia/libffmpegmediaplugin.so"
_NO_DISPLAY = (
    "There is no display for the window; log in to a desktop, or install a virtual one with: "
    "apt-get install -y xvfb xauth, and start with: xvfb-run synchformer-gui. Without a window, "
    "use: synchformer-gui detect CLIP"
)


def obstacle() -> str:
    """Reason why the window cannot be shown, with the remedy; empty if it can."""
    if importlib.util.find_spec("PySide6") is None:
        return (
            "PySide6 is not installed; install the application with its dependencies: "
            "pip install . in its folder (or make setup)"
        )
    needs_x = _needs_x()
    if needs_x and not os.environ.get("DISPLAY"):
        return _NO_DISPLAY
    missing = _missing_library(needs_x=needs_x)
    if missing:
        return (
            f"Qt cannot start because of a missing system library ({missing}); "
            f"install it with: {INSTALL_LINE}"
        )
    return _NO_DISPLAY if needs_x and not _x_answers() else ""


def _needs_x() -> bool:
    platform = os.environ.get("QT_QPA_PLATFORM", "").split(":")[0].split(";")[0]
    if not sys.platform.startswith("linux"):
        return False
    return platform == "xcb" or (not platform and not os.environ.get("WAYLAND_DISPLAY"))


def _missing_library(*, needs_x: bool) -> str:
    """Message of the loader about the first library that fails to load; empty if all load."""
    try:
        from PySide6 import QtMultimedia, QtWidgets  # noqa: F401
    except ImportError as error:
        return str(error)
    if not sys.platform.startswith("linux"):
        return ""
    from PySide6.QtCore import QLibraryInfo

    folder = Path(QLibraryInfo.path(QLibraryInfo.LibraryPath.PluginsPath))
    for plugin in (_MEDIA_PLUGIN, *([_XCB_PLUGIN] if needs_x else [])):
        try:
            ctypes.CDLL(str(folder / plugin))
        except OSError as error:
            return str(error)
    return ""


def _x_answers() -> bool:
    """True if the X server of `DISPLAY` accepts connections."""
    xcb = ctypes.CDLL("libxcb.so.1")
    xcb.xcb_connect.restype = ctypes.c_void_p
    connection = ctypes.c_void_p(xcb.xcb_connect(None, None))
    has_error = bool(xcb.xcb_connection_has_error(connection))
    xcb.xcb_disconnect(connection)
    return not has_error
