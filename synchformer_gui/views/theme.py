"""Colours and fonts of the window, the same on every platform."""

import pyqtgraph as pg
from PySide6.QtGui import QColor, QFont, QPalette
from PySide6.QtWidgets import QApplication, QWidget

from core.detection.result import Verdict
from synchformer_gui.assets import icon_path

BASE = "#101215"
WINDOW = "#17191d"
PANEL = "#1e2126"
RAISED = "#2a2e35"
BORDER = "#363b44"
TEXT = "#e8eaed"
MUTED = "#9ba4af"
DISABLED = "#626a75"
ACCENT = "#4f9dff"
GOOD = "#4cc38a"
BAD = "#ff7466"
UNSURE = "#f2b84b"

VERDICT_COLOURS = {
    Verdict.IN_SYNC: GOOD,
    Verdict.OUT_OF_SYNC: BAD,
    Verdict.CANNOT_TELL: UNSURE,
}

_STYLE = f"""
QToolTip {{ color: {TEXT}; background: {RAISED}; border: 1px solid {BORDER}; padding: 4px; }}
QMenuBar {{ background: {WINDOW}; padding: 2px 6px; }}
QStatusBar {{ background: {BASE}; color: {MUTED}; border-top: 1px solid {BORDER}; }}
QStatusBar::item {{ border: none; }}
QStatusBar QLabel {{ color: {MUTED}; padding: 3px 8px; }}
QFrame#card {{ background: {PANEL}; border: 1px solid {BORDER}; border-radius: 8px; }}
QLabel#muted {{ color: {MUTED}; }}
QLabel#section {{ color: {MUTED}; font-weight: 600; }}
QLabel#warning {{ color: {UNSURE}; }}
QLabel#error {{ color: {BAD}; }}
QPushButton {{ background: {RAISED}; border: 1px solid {BORDER}; border-radius: 6px;
    padding: 7px 14px; }}
QPushButton:hover {{ border-color: {ACCENT}; }}
QPushButton:pressed {{ background: {PANEL}; }}
QPushButton:focus {{ border-color: {ACCENT}; }}
QPushButton:disabled {{ color: {DISABLED}; background: {PANEL}; border-color: {RAISED}; }}
QPushButton#primary {{ background: {ACCENT}; border-color: {ACCENT}; color: #08192f;
    font-weight: 600; padding: 10px 14px; }}
QPushButton#secondary {{ padding: 10px 14px; }}
QPushButton#corner {{ padding: 2px 8px; background: {PANEL}; }}
QPushButton#primary:hover {{ background: #72b1ff; border-color: #72b1ff; }}
QPushButton#primary:disabled {{ background: {RAISED}; border-color: {RAISED}; color: {DISABLED}; }}
QToolButton {{ background: transparent; border: 1px solid transparent; border-radius: 6px;
    padding: 5px; }}
QToolButton:hover {{ background: {RAISED}; border-color: {BORDER}; }}
QToolButton:focus {{ border-color: {ACCENT}; }}
QToolButton#fold {{ padding: 5px 8px 5px 0px; }}
QComboBox, QLineEdit, QSpinBox {{ background: {RAISED}; border: 1px solid {BORDER};
    border-radius: 6px; padding: 6px 8px; selection-background-color: {ACCENT}; }}
QSpinBox QLineEdit {{ background: transparent; border: none; }}
QSpinBox::up-button, QSpinBox::down-button {{ border: none; width: 0; }}
QComboBox:focus, QLineEdit:focus, QSpinBox:focus {{ border-color: {ACCENT}; }}
QComboBox:disabled, QLineEdit:disabled {{ color: {DISABLED}; background: {PANEL}; }}
QComboBox::drop-down {{ border: none; width: 26px; }}
QComboBox::down-arrow {{ image: url("%ICONS%/chevron-down.svg"); width: 14px; height: 14px; }}
QComboBox QAbstractItemView {{ background: {RAISED}; border: 1px solid {BORDER};
    selection-background-color: {ACCENT}; selection-color: #08192f; }}
QCheckBox::indicator, QListWidget::indicator {{ width: 16px; height: 16px;
    border: 1px solid {MUTED}; border-radius: 4px; background: {RAISED}; }}
QCheckBox::indicator:checked, QListWidget::indicator:checked {{ background: {ACCENT};
    border-color: {ACCENT}; image: url("%ICONS%/check.svg"); }}
QCheckBox:focus, QRadioButton:focus {{ color: {ACCENT}; }}
QCheckBox:disabled {{ color: {DISABLED}; }}
QCheckBox::indicator:disabled {{ border-color: {BORDER}; background: {PANEL}; }}
QRadioButton::indicator {{ width: 16px; height: 16px; border: 1px solid {MUTED};
    border-radius: 9px; background: {RAISED}; }}
QRadioButton::indicator:checked {{ width: 8px; height: 8px; border: 5px solid {ACCENT};
    background: {BASE}; }}
QListWidget {{ background: {RAISED}; border: 1px solid {BORDER}; border-radius: 6px; }}
QListWidget:focus {{ border-color: {ACCENT}; }}
QListWidget::item {{ padding: 4px 6px; color: {TEXT}; }}
QListWidget::item:selected {{ background: #24456f; }}
QProgressBar {{ background: {BASE}; border: none; border-radius: 3px; max-height: 6px;
    min-height: 6px; }}
QProgressBar::chunk {{ background: {ACCENT}; border-radius: 3px; }}
QSlider::groove:horizontal {{ background: {RAISED}; height: 4px; border-radius: 2px; }}
QSlider::sub-page:horizontal {{ background: {ACCENT}; border-radius: 2px; }}
QSlider::handle:horizontal {{ background: {TEXT}; width: 14px; margin: -5px 0;
    border-radius: 7px; }}
QSlider::sub-page:horizontal:disabled, QSlider::handle:horizontal:disabled
    {{ background: {BORDER}; }}
QSplitter::handle {{ background: transparent; }}
QSplitter::handle:hover {{ background: {BORDER}; }}
QScrollArea {{ background: transparent; border: none; }}
QHeaderView::section {{ background: {PANEL}; color: {MUTED}; border: none; padding: 6px 8px; }}
QTreeWidget {{ background: {BASE}; border: 1px solid {BORDER}; border-radius: 6px; }}
QTreeWidget::item {{ padding: 6px 4px; border: none; }}
QTreeWidget::item:selected {{ background: #24456f; color: {TEXT}; }}
"""


def apply_theme(app: QApplication) -> None:
    """Give the application its dark look. Call it before any plot is created.

    Qt's own colour scheme has no effect on platforms without a desktop, hence the palette.
    """
    app.setStyle("Fusion")
    app.setPalette(_palette())
    icons = icon_path("check").parent.as_posix()
    app.setStyleSheet(_STYLE.replace("%ICONS%", icons))
    pg.setConfigOptions(imageAxisOrder="row-major", background=BASE, foreground=MUTED)


def scaled_font(font: QFont, scale: float, *, bold: bool = False) -> QFont:
    """Font with a size relative to another font."""
    result = QFont(font)
    result.setPointSizeF(font.pointSizeF() * scale)
    if bold:
        result.setWeight(QFont.Weight.DemiBold)
    return result


def rename(widget: QWidget, name: str) -> None:
    """Change the object name of a widget, and with it its style."""
    widget.setObjectName(name)
    widget.style().unpolish(widget)
    widget.style().polish(widget)
    widget.updateGeometry()


def _palette() -> QPalette:
    palette = QPalette()
    role = QPalette.ColorRole
    for target, colour in {
        role.Window: WINDOW,
        role.WindowText: TEXT,
        role.Base: BASE,
        role.AlternateBase: PANEL,
        role.Text: TEXT,
        role.PlaceholderText: MUTED,
        role.Button: RAISED,
        role.ButtonText: TEXT,
        role.BrightText: BAD,
        role.ToolTipBase: RAISED,
        role.ToolTipText: TEXT,
        role.Highlight: ACCENT,
        role.HighlightedText: "#08192f",
        role.Link: ACCENT,
        role.LinkVisited: ACCENT,
        role.Light: BORDER,
        role.Midlight: RAISED,
        role.Mid: BORDER,
        role.Dark: BASE,
        role.Shadow: "#000000",
    }.items():
        palette.setColor(target, QColor(colour))
    for target in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, target, QColor(DISABLED))
    return palette
