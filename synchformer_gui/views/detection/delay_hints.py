"""Delays stated by the file's name or timestamps, offered for export."""

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QPushButton, QVBoxLayout, QWidget

from core.media.delay_hints import DelayHint
from synchformer_gui.views.text_label import text_label
from synchformer_gui.wording.export import hint_action
from synchformer_gui.wording.line_breaks import breakable, unbroken


class DelayHints(QWidget):
    """One sentence per hint, and a button if its delay is not applied yet; hidden without hints."""

    chosen = Signal(object)
    """Carries a DelayHint."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.buttons: tuple[QPushButton, ...] = ()
        self._rows = QWidget(self)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 8, 0, 0)
        self._layout.addWidget(self._rows)
        self.hide()

    def show_hints(self, hints: Sequence[DelayHint]) -> None:
        """Show the hints of a clip in place of the previous ones."""
        rows = QWidget(self)
        layout = QVBoxLayout(rows)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        buttons: list[QPushButton] = []
        for hint in hints:
            label = text_label(rows, "muted")
            label.setText(breakable(unbroken(hint.sentence)))
            layout.addWidget(label)
            # Hints about one stream are start times. Players and detection already apply them, so a
            # second move would undo them.
            if hint.audio_stream_index is not None:
                continue
            button = QPushButton(hint_action(hint.delay_s), rows)
            button.setToolTip("Open the export with this delay; nothing is written yet")
            button.clicked.connect(partial(self._on_chosen, hint))
            layout.addWidget(button)
            buttons.append(button)
        self._layout.replaceWidget(self._rows, rows)
        self._rows.deleteLater()
        self._rows, self.buttons = rows, tuple(buttons)
        self.setVisible(bool(hints))

    def _on_chosen(self, hint: DelayHint) -> None:
        self.chosen.emit(hint)
