"""Settings of a detection, and the button that starts it."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from core.media.info import AudioStream
from core.model.store.catalog import AUTO, BUILTIN, CATALOG, CLASSICAL
from core.model.store.store import InstalledModel
from core.timing import (
    LARGEST_TOLERANCE_MS,
    TOLERANCES,
    TimeSpan,
    Tolerance,
    custom_tolerance,
    tolerance_named,
)
from synchformer_gui.views import theme
from synchformer_gui.views.detection.clip_info import audio_title
from synchformer_gui.views.progress_bar import ProgressBar
from synchformer_gui.wording.coverage import region_text
from synchformer_gui.wording.engines import (
    ABOUT_BUILTIN,
    AUTOMATIC,
    BEST_FOR,
    BUILTIN_TITLE,
    CLASSICAL_TITLE,
)
from synchformer_gui.wording.line_breaks import unbroken
from synchformer_gui.wording.offset import tolerance_name, tolerance_text
from synchformer_gui.wording.verdict import NO_CLIP

_CUSTOM = "custom"
_MORE_MODELS = "more"
_PADDING_PX = 6


class DetectPanel(QFrame):
    """Choices and progress of a detection. It shows state and emits the requests of the user."""

    detect_requested = Signal()
    cancel_requested = Signal()
    audio_chosen = Signal(int)
    """Carries the index of an audio stream in the container."""
    tolerance_chosen = Signal(str)
    model_chosen = Signal(str)
    models_requested = Signal()
    region_cleared = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self._is_busy = False
        self._model = AUTO
        self.audio_label, self.audio_combo = self._row("Audio stream")
        tolerance_label, self.tolerance_combo = self._row("Tolerance")
        model_label, self.model_combo = self._row("Model")
        for tolerance in TOLERANCES:
            name = tolerance_name(tolerance)
            _add_item(self.tolerance_combo, name, tolerance.name, tolerance_text(tolerance))
        self.tolerance_combo.addItem("Custom…", _CUSTOM)
        self.custom_tolerance = _CustomTolerance(self)
        self.custom_tolerance.hide()
        self.region_button = QPushButton(self)
        self.region_button.setToolTip("Analyze the whole clip again (X)")
        self.note_label = QLabel(self)
        self.note_label.setObjectName("muted")
        self.note_label.setWordWrap(True)
        self.button = QPushButton("Detect offset", self)
        self.progress = ProgressBar(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(14, 12, 14, 8)
        layout.setSpacing(5)
        for label, combo in (
            (self.audio_label, self.audio_combo),
            (tolerance_label, self.tolerance_combo),
            (model_label, self.model_combo),
        ):
            layout.addWidget(label)
            layout.addWidget(combo)
            layout.addSpacing(5)
        layout.insertWidget(layout.indexOf(self.tolerance_combo) + 1, self.custom_tolerance)
        layout.addSpacing(6)
        layout.addWidget(self.region_button)
        layout.addWidget(self.button)
        layout.addWidget(self.note_label)
        layout.addWidget(self.progress)
        self.region_button.clicked.connect(self.region_cleared)
        self.button.clicked.connect(self._on_button)
        self.audio_combo.activated.connect(self._on_audio)
        self.tolerance_combo.activated.connect(self._on_tolerance)
        self.custom_tolerance.edited.connect(self.tolerance_chosen)
        self.model_combo.activated.connect(self._on_model)
        self.set_audios(())
        self.set_region(None)
        self.set_note("")
        self.set_idle(obstacle=NO_CLIP, is_answered=False)

    def set_audios(self, audios: Sequence[AudioStream]) -> None:
        """Offer the audio streams of a clip; hidden if there is only one."""
        self.audio_combo.clear()
        for number, audio in enumerate(audios, start=1):
            self.audio_combo.addItem(audio_title(number, audio), audio.index)
        for widget in (self.audio_label, self.audio_combo):
            widget.setVisible(len(audios) > 1)

    def set_region(self, span: TimeSpan | None) -> None:
        """Show the part to analyze, with a button to reset it; None for the whole clip."""
        if span is not None:
            self.region_button.setText(f"✕  Only {region_text(span.start_s, span.end_s)}")
        self.region_button.setVisible(span is not None)

    def set_note(self, text: str) -> None:
        """Show how much was analyzed; hidden if the text is empty."""
        self.note_label.setText(unbroken(text))
        self.note_label.setVisible(bool(text))

    def set_tolerance(self, name: str) -> None:
        """Show the chosen tolerance; a custom tolerance with its limits."""
        index = self.tolerance_combo.findData(name)
        self.custom_tolerance.setVisible(index < 0)
        self.custom_tolerance.show_limits(tolerance_named(name))
        if index < 0:
            index = self.tolerance_combo.findData(_CUSTOM)
        self.tolerance_combo.setCurrentIndex(index)

    def set_models(self, installed: Sequence[InstalledModel], chosen: str) -> None:
        """Offer models.

        Args:
            installed: Installed models that can detect.
            chosen: Id of the chosen model.
        """
        best_for = {one.id: BEST_FOR.get(one.alias, "") for one in CATALOG}
        self.model_combo.clear()
        _add_item(self.model_combo, "Automatic", AUTO, AUTOMATIC)
        _add_item(self.model_combo, BUILTIN_TITLE, BUILTIN, ABOUT_BUILTIN)
        self.model_combo.addItem(CLASSICAL_TITLE, CLASSICAL)
        for model in installed:
            hint = best_for.get(model.id)
            _add_item(self.model_combo, model.title, model.id, f"Best for {hint}" if hint else "")
        self.model_combo.insertSeparator(self.model_combo.count())
        self.model_combo.addItem("Get more models…", _MORE_MODELS)
        self._model = chosen
        self.model_combo.setCurrentIndex(max(0, self.model_combo.findData(chosen)))

    def set_idle(self, *, obstacle: str, is_answered: bool) -> None:
        """Offer detection, less prominent once there is an answer; disabled by an obstacle."""
        self._is_busy = False
        self._show_button("Detect offset", "secondary" if is_answered else "primary")
        self.button.setToolTip(obstacle or "Measure the offset of the sound (D)")
        self.button.setEnabled(not obstacle)
        self.progress.hide()

    def set_busy(self, stage: str) -> None:
        """Show work in progress, and offer to cancel it."""
        self._is_busy = True
        self._show_button("Cancel", "secondary")
        self.button.setToolTip("Stop; no partial file is left behind (Esc)")
        self.button.setEnabled(True)
        self.progress.begin(stage)

    def _row(self, title: str) -> tuple[QLabel, QComboBox]:
        label = QLabel(title, self)
        label.setObjectName("section")
        combo = QComboBox(self)
        combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        label.setBuddy(combo)
        return label, combo

    def _show_button(self, text: str, name: str) -> None:
        self.button.setText(text)
        theme.rename(self.button, name)

    def _on_button(self) -> None:
        if self._is_busy:
            self.cancel_requested.emit()
        else:
            self.detect_requested.emit()

    def _on_audio(self) -> None:
        self.audio_chosen.emit(self.audio_combo.currentData())

    def _on_tolerance(self) -> None:
        chosen = self.tolerance_combo.currentData()
        if chosen == _CUSTOM:
            # A custom tolerance starts from the limits of the previous choice.
            chosen = self.custom_tolerance.name
        self.set_tolerance(chosen)
        self.tolerance_chosen.emit(chosen)

    def _on_model(self) -> None:
        chosen = self.model_combo.currentData()
        if chosen == _MORE_MODELS:
            self.model_combo.setCurrentIndex(max(0, self.model_combo.findData(self._model)))
            self.models_requested.emit()
        else:
            self._model = chosen
            self.model_chosen.emit(chosen)


class _CustomTolerance(QWidget):
    """Two numbers: maximum audio lead and maximum audio lag in milliseconds."""

    edited = Signal(str)
    """Carries the name of the tolerance, for `core.timing.tolerance_named`."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.early_spin, self.late_spin = QSpinBox(self), QSpinBox(self)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        for spin, way, limit in (
            (self.early_spin, "early", "lead"),
            (self.late_spin, "late", "lag"),
        ):
            spin.setRange(1, LARGEST_TOLERANCE_MS)
            spin.setSingleStep(5)
            spin.setSuffix(f" ms {way}")
            # The style sheet cannot pad the text of a spin box.
            spin.lineEdit().setTextMargins(_PADDING_PX, 0, _PADDING_PX, 0)
            spin.setToolTip(f"Maximum accepted audio {limit}, in ms")
            spin.setAccessibleName(f"Maximum accepted audio {limit}")
            # Without this, every typed digit would emit a tolerance.
            spin.setKeyboardTracking(False)
            spin.valueChanged.connect(self._on_edited)
            layout.addWidget(spin)

    @property
    def name(self) -> str:
        """Name of the tolerance with these limits."""
        return custom_tolerance(self.early_spin.value(), self.late_spin.value()).name

    def show_limits(self, tolerance: Tolerance) -> None:
        """Show the limits of a tolerance, in whole milliseconds."""
        for spin, limit_s in (
            (self.early_spin, tolerance.early_s),
            (self.late_spin, tolerance.late_s),
        ):
            spin.blockSignals(True)
            spin.setValue(round(1000 * limit_s))
            spin.blockSignals(False)

    def _on_edited(self) -> None:
        self.edited.emit(self.name)


def _add_item(combo: QComboBox, text: str, value: str, tip: str) -> None:
    combo.addItem(text, value)
    combo.setItemData(combo.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
