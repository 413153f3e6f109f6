"""Choice of the audio streams to move."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QListWidget, QListWidgetItem, QPushButton, QWidget

from core.media.info import AudioStream
from synchformer_gui.views.detection.clip_info import audio_title

_MAX_ROWS = 5
_FRAME_PX = 6


class StreamList(QWidget):
    """A list of audio streams to tick; one, several or all."""

    edited = Signal()

    def __init__(
        self, audios: Sequence[AudioStream], chosen_index: int, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.list = QListWidget(self)
        for number, audio in enumerate(audios, start=1):
            item = QListWidgetItem(audio_title(number, audio), self.list)
            item.setData(Qt.ItemDataRole.UserRole, audio.index)
            item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsUserCheckable)
            is_chosen = audio.index == chosen_index
            item.setCheckState(Qt.CheckState.Checked if is_chosen else Qt.CheckState.Unchecked)
        self.list.setCurrentRow(0)
        n_rows = min(len(audios), _MAX_ROWS)
        self.list.setFixedHeight(n_rows * self.list.sizeHintForRow(0) + _FRAME_PX)
        self.all_button = QPushButton("&All", self)
        self.all_button.setToolTip("Move all audio streams")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.list, 1)
        layout.addWidget(self.all_button, 0, Qt.AlignmentFlag.AlignTop)
        self.setFocusProxy(self.list)
        self.list.itemChanged.connect(self._on_item)
        self.all_button.clicked.connect(self._on_all)

    @property
    def indices(self) -> tuple[int, ...]:
        """The ticked streams, by their index in the container."""
        return tuple(
            item.data(Qt.ItemDataRole.UserRole)
            for item in self._items()
            if item.checkState() is Qt.CheckState.Checked
        )

    def _items(self) -> list[QListWidgetItem]:
        return [self.list.item(row) for row in range(self.list.count())]

    def _on_item(self) -> None:
        self.edited.emit()

    def _on_all(self) -> None:
        for item in self._items():
            item.setCheckState(Qt.CheckState.Checked)
