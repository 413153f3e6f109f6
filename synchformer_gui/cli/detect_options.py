"""What commands do to judge a clip: look for an earlier answer, else load an engine and ask it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import typer

from core.detection.cached_detector import CachedDetector
from core.detection.config import DetectionConfig
from core.detection.engines.open import EngineChoice
from core.detection.result import Detection
from core.detection.schedule.budget import SubProgress
from core.detection.schedule.scope import choose_streams, scope_of
from core.media.info import MediaInfo
from core.media.probe import probe
from core.model.store.catalog import CLASSICAL
from core.progress import Monitor
from core.workflow.export import Exported, copied_stream
from synchformer_gui.cache_settings import open_cache
from synchformer_gui.cli import scope_options, shared_options
from synchformer_gui.cli.terminal import TerminalMonitor, watched


@dataclass(frozen=True, slots=True)
class DetectOptions:
    """How clips are judged, as the user wrote it."""

    model: shared_options.ModelOption = shared_options.CHOICE.model
    device: shared_options.DeviceOption = shared_options.CHOICE.device
    precision: shared_options.PrecisionOption = shared_options.CHOICE.precision
    compile_model: shared_options.CompileOption = shared_options.CHOICE.compile_model
    legacy_alignment: shared_options.LegacyAlignmentOption = shared_options.CHOICE.legacy_alignment
    tolerance: shared_options.ToleranceOption = shared_options.CONFIG.tolerance.name
    hop_s: shared_options.HopOption = shared_options.CONFIG.hop_s
    range_s: shared_options.RangeOption = shared_options.CONFIG.range_s
    start: scope_options.StartOption = None
    end: scope_options.EndOption = None
    until: scope_options.UntilOption = None
    budget: scope_options.BudgetOption = None
    crop: shared_options.CropOption = shared_options.CONFIG.crop
    no_cache: shared_options.NoCacheOption = False

    @property
    def choice(self) -> EngineChoice:
        return EngineChoice(
            self.model, self.device, self.precision, self.compile_model, self.legacy_alignment
        )

    def config(
        self,
        audio_stream_index: int | None = None,
        *,
        simulate_offset_s: float = shared_options.CONFIG.simulate_offset_s,
        window_start_s: float | None = None,
    ) -> DetectionConfig:
        """Return how a clip is judged; the arguments are those of its config.

        Raises:
            typer.BadParameter: A value is not allowed.
        """
        return shared_options.detection_config(
            self.tolerance,
            self.hop_s,
            self.range_s,
            audio_stream_index=audio_stream_index,
            simulate_offset_s=simulate_offset_s,
            window_start_s=window_start_s,
            extent=scope_options.Extent(self.start, self.end, self.until, self.budget),
            crop=self.crop,
        )


@dataclass(frozen=True, slots=True)
class DetectCommand:
    """Who answers, and how: the same for a clip and for what is made of it.

    Attributes:
        choice: What is to answer.
        config: How clips are judged.
        no_cache: Whether neither to look for earlier answers nor to keep these.
    """

    choice: EngineChoice
    config: DetectionConfig
    no_cache: bool = False

    def check(self, info: MediaInfo) -> None:
        """Check before any work that a clip, or a copy of it, could be judged.

        Raises:
            typer.BadParameter: No such device or precision.
            SyncError: There is no such model, device, stream or part.
        """
        _check_clip(info, self.config)
        shared_options.check_machine(self.choice)
        with watched() as monitor:
            self.cached_detector(monitor)

    def cached_detector(self, monitor: Monitor) -> CachedDetector:
        """Return what asks about clips and knows earlier answers.

        Raises:
            CheckpointError: There is no such model.
            Cancelled: The work is no longer wanted.
        """
        return open_cache(is_wanted=not self.no_cache).cached_detector(
            self.choice, self.config, monitor
        )

    def detect(self, clip: Path) -> Detection:
        """Judge a clip; raises as the function of that name does."""
        return detect_clip(clip, self.choice, self.config, no_cache=self.no_cache)

    def detect_again(self, exported: Exported) -> Detection:
        """Judge the sound of a corrected file that was moved, the first if several were.

        Args:
            exported: The file.

        Raises:
            SyncError: The file or the model cannot be used.
            Cancelled: The user pressed Ctrl-C.
        """
        config = replace(self.config, audio_stream_index=copied_stream(exported))
        return detect_clip(exported.path, self.choice, config, no_cache=self.no_cache)


def detect_clip(
    clip: Path,
    choice: EngineChoice,
    config: DetectionConfig,
    *,
    needs_classes: bool = False,
    no_cache: bool = False,
) -> Detection:
    """Load the engine and judge one clip, with progress on the terminal.

    If that was done before and nothing has changed, the earlier answer is returned, and that it is
    one is said on stderr.

    Args:
        clip: The media file.
        choice: What is to answer.
        config: How the clip is judged.
        needs_classes: Whether the answer has to come in Synchformer's classes.
        no_cache: Whether neither to look for an earlier answer nor to keep this one.

    Raises:
        typer.BadParameter: No such device or precision, or what would answer has no classes.
        SyncError: The clip or the model cannot be used.
        Cancelled: The user pressed Ctrl-C.
    """
    _check_clip(probe(clip), config)
    _check_classes(choice, needs_classes=needs_classes)
    with watched() as monitor:
        cached_detector = open_cache(is_wanted=not no_cache).cached_detector(
            choice, config, monitor
        )
        (detection,) = _answers(clip, choice, (cached_detector,), monitor)
    return detection


def detect_streams(
    clip: Path,
    choice: EngineChoice,
    config: DetectionConfig,
    *,
    needs_classes: bool = False,
    no_cache: bool = False,
) -> tuple[Detection, ...]:
    """Judge every audio stream of a clip against its picture; else as `detect_clip` does.

    Args:
        clip: The media file.
        choice: What is to answer.
        config: How each stream is judged; the one it names is ignored.
        needs_classes: As in `detect_clip`.
        no_cache: Likewise.

    Raises:
        typer.BadParameter, SyncError, Cancelled: As in `detect_clip`.
    """
    _check_clip(probe(clip), config)
    _check_classes(choice, needs_classes=needs_classes)
    with watched() as monitor:
        cached_detector = open_cache(is_wanted=not no_cache).cached_detector(
            choice, config, monitor
        )
        return _answers(clip, choice, cached_detector.per_stream(clip), monitor)


def _answers(
    clip: Path, choice: EngineChoice, inquiries: Sequence[CachedDetector], monitor: TerminalMonitor
) -> tuple[Detection, ...]:
    found = [cached_detector.earlier(clip) for cached_detector in inquiries]
    if n_earlier := sum(earlier is not None for earlier in found):
        share = f"{n_earlier} of {len(found)}: " if n_earlier < len(found) else ""
        monitor.say(f"{share}{shared_options.FROM_CACHE}", err=True)
    if n_earlier == len(found):
        return tuple(earlier for earlier in found if earlier)
    engine = shared_options.engine_for(choice, monitor)
    return tuple(
        earlier or cached_detector.detect(clip, engine, SubProgress(monitor, index, len(found)))
        for index, (earlier, cached_detector) in enumerate(zip(found, inquiries, strict=True))
    )


def _check_clip(info: MediaInfo, config: DetectionConfig) -> None:
    """Check what is cheap: loading a network takes seconds that a wrong file need not wait for.

    Raises:
        SyncError: The clip cannot be judged so.
    """
    choose_streams(info, config)
    scope_of(info, config)


def _check_classes(choice: EngineChoice, *, needs_classes: bool) -> None:
    if needs_classes and choice.model == CLASSICAL:
        raise typer.BadParameter(
            "the classical estimate has no classes to list; choose another model with --model",
            param_hint="--top",
        )
