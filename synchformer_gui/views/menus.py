"""The menu bar, which is also where every key is bound and can be looked up."""

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMainWindow, QMenu

from synchformer_gui.settings import Preferences

DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("auto", "float32", "bfloat16", "float16")
EXTENTS = ("auto", "everything")
_TITLES = {"auto": "Automatic", "everything": "Everything"}


@dataclass(frozen=True, slots=True)
class Command:
    """Something that the user can ask for.

    Attributes:
        title: Text in the menu.
        keys: Shortcuts; the first is shown.
        run: What happens.
    """

    title: str
    keys: tuple[str, ...]
    run: Callable[[], object]


def add_menu(window: QMainWindow, title: str, commands: tuple[Command, ...]) -> QMenu:
    """Add a menu of commands to the window's menu bar; return it."""
    menu = window.menuBar().addMenu(title)
    for command in commands:
        action = QAction(command.title, window)
        action.setShortcuts([QKeySequence(key) for key in command.keys])
        action.triggered.connect(command.run)
        menu.addAction(action)
    return menu


def add_choice(
    window: QMainWindow,
    menu: QMenu,
    title: str,
    values: tuple[str, ...],
    chosen: str,
    choose: Callable[[str], None],
) -> None:
    """Add a sub-menu of values of which exactly one is chosen."""
    sub_menu = menu.addMenu(title)
    group = QActionGroup(window)
    for value in dict.fromkeys((*values, chosen)):
        action = QAction(_TITLES.get(value, value), window)
        action.setData(value)
        action.setCheckable(True)
        action.setChecked(value == chosen)
        group.addAction(action)
        sub_menu.addAction(action)

    def on_triggered(action: QAction) -> None:
        choose(action.data())

    group.triggered.connect(on_triggered)


def add_preferences(
    window: QMainWindow, menu: QMenu, chosen: Preferences, prefer: Callable[..., None]
) -> None:
    """Add a sub-menu for each preference that has no place in the window itself.

    Args:
        window: The window.
        menu: Where the sub-menus go.
        chosen: What is shown as chosen at first.
        prefer: Called with the name of a preference and its new value.
    """
    for name, title, values in (
        ("device", "De&vice", DEVICES),
        ("precision", "&Precision", PRECISIONS),
        ("extent", "How much is &judged", EXTENTS),
    ):

        def choose(value: str, name: str = name) -> None:
            prefer(**{name: value})

        add_choice(window, menu, title, values, getattr(chosen, name), choose)
