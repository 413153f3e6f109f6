"""The menu bar. Every keyboard shortcut is bound and listed here."""

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMainWindow, QMenu

from synchformer_gui.settings import Preferences

_PREFERENCES = (
    ("device", "De&vice", ("auto", "cpu", "cuda", "mps")),
    ("precision", "&Precision", ("auto", "float32", "bfloat16", "float16")),
    ("extent", "How much to &analyze", ("auto", "everything")),
)
_TITLES = {"auto": "Automatic", "everything": "Everything"}


@dataclass(frozen=True, slots=True)
class Command:
    """Entry of a menu.

    Attributes:
        title: Text in the menu.
        keys: Shortcuts; the menu shows the first.
        run: Called without arguments when the entry or a shortcut is used.
    """

    title: str
    keys: tuple[str, ...]
    run: Callable[[], object]


def add_menu(window: QMainWindow, title: str, commands: tuple[Command, ...]) -> QMenu:
    """Add a menu of commands to the window's menu bar."""
    menu = window.menuBar().addMenu(title)
    for command in commands:
        action = QAction(command.title, window)
        action.setShortcuts([QKeySequence(key) for key in command.keys])
        action.triggered.connect(command.run)
        menu.addAction(action)
    return menu


def add_preferences(
    window: QMainWindow, menu: QMenu, chosen: Preferences, prefer: Callable[..., None]
) -> None:
    """Add a sub-menu for each preference without a control in the window.

    Args:
        window: The window.
        menu: Parent of the sub-menus.
        chosen: Initial choices.
        prefer: Called with the name of a preference and its new value.
    """

    def on_triggered(action: QAction) -> None:
        prefer(**action.data())

    for name, title, values in _PREFERENCES:
        sub_menu = menu.addMenu(title)
        group = QActionGroup(window)
        group.triggered.connect(on_triggered)
        current = getattr(chosen, name)
        for value in dict.fromkeys((*values, current)):
            action = QAction(_TITLES.get(value, value), window)
            action.setData({name: value})
            action.setCheckable(True)
            action.setChecked(value == current)
            group.addAction(action)
            sub_menu.addAction(action)
