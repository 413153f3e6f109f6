"""Options and steps of a detection shared by commands: recall an answer, or load an engine."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import typer

from core.detection.cached_detector import CachedDetector
from core.detection.config import DetectionConfig
from core.detection.engines.open import EngineChoice
from core.detection.result import Detection
from core.detection.schedule.budget import SubProgress
from core.detection.schedule.scope import Scope, read_scope, scope_of, stream_scopes
from core.media.info import MediaInfo
from core.model.store.catalog import CLASSICAL
from core.progress import Monitor
from core.timing import parse_delay, tolerance_named
from core.workflow.export import Exported, copied_stream
from synchformer_gui.cache_settings import open_cache
from synchformer_gui.cli import shared_options
from synchformer_gui.cli.shared_options import wrong_usage
from synchformer_gui.cli.terminal import watched

_CLOCK = re.compile(r"(?:(?:(\d+):)?(\d{1,2}):)?(\d+(?:\.\d*)?|\.\d+)\s*s?", re.ASCII)


@dataclass(frozen=True, slots=True)
class DetectOptions:
    """Options of a detection, as typed by the user."""

    model: shared_options.ModelOption = shared_options.CHOICE.model
    device: shared_options.DeviceOption = shared_options.CHOICE.device
    precision: shared_options.PrecisionOption = shared_options.CHOICE.precision
    compile_model: shared_options.CompileOption = shared_options.CHOICE.compile_model
    legacy_alignment: shared_options.LegacyAlignmentOption = shared_options.CHOICE.legacy_alignment
    tolerance: shared_options.ToleranceOption = shared_options.CONFIG.tolerance.name
    hop_s: shared_options.HopOption = shared_options.CONFIG.hop_s
    range_s: shared_options.RangeOption = shared_options.CONFIG.range_s
    start: shared_options.StartOption = None
    end: shared_options.EndOption = None
    until: shared_options.UntilOption = None
    budget: shared_options.BudgetOption = None
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
        """Create the detection options; the arguments are fields of `DetectionConfig`.

        Raises:
            typer.BadParameter: A value is not allowed.
        """
        with wrong_usage("--tolerance"):
            config = replace(
                shared_options.CONFIG,
                tolerance=tolerance_named(self.tolerance),
                audio_stream_index=audio_stream_index,
                stops_early=self.until is None,
            )
        # One by one, so that the message can name the wrong option. --window-start excludes others,
        # so it comes last.
        changes: dict[str, dict[str, Any]] = {
            "--hop": {"hop_s": self.hop_s},
            "--range": {"range_s": self.range_s},
            "--simulate-offset": {"simulate_offset_s": simulate_offset_s},
            "--start": {"start_s": _seconds(self.start, "--start") or 0.0},
            "--end": {"end_s": _seconds(self.end, "--end")},
            "--until": {"until_s": _until_s(self.until)},
            "--budget": {"budget_s": _seconds(self.budget, "--budget")},
            "--crop": {"crop": self.crop},
            "--window-start": {"window_start_s": window_start_s},
        }
        for option, change in changes.items():
            with wrong_usage(option):
                config = replace(config, **change)
        return config


@dataclass(frozen=True, slots=True)
class DetectCommand:
    """Detection with one engine and one set of options, with progress on the terminal.

    A note on stderr tells of answers from the cache.

    Attributes:
        choice: The engine.
        config: Options of the detection.
        no_cache: Neither use earlier answers nor keep new ones.
        needs_classes: The answer has to contain Synchformer's classes.
    """

    choice: EngineChoice
    config: DetectionConfig
    no_cache: bool = False
    needs_classes: bool = False

    def check(self, info: MediaInfo) -> None:
        """Check before any work that a clip, or a copy of it, can be analyzed.

        Raises:
            typer.BadParameter: No such device or precision.
            SyncError: There is no such model, device, stream or part.
        """
        scope_of(info, self.config)
        shared_options.check_machine(self.choice)
        with watched() as monitor:
            self.cached_detector(monitor)

    def cached_detector(self, monitor: Monitor) -> CachedDetector:
        """Create the cached detector of the engine.

        Raises:
            CheckpointError: There is no such model.
            Cancelled: The monitor asked to stop.
        """
        return open_cache(is_wanted=not self.no_cache).cached_detector(self.choice, monitor)

    def detect_clip(self, clip: Path) -> Detection:
        """Probe a clip and detect its offset; errors as in `detect`."""
        (detection,) = self._detect((read_scope(clip, self.config),))
        return detection

    def detect_streams(self, clip: Path) -> tuple[Detection, ...]:
        """Probe a clip and detect the offset of each audio stream; errors as in `detect`."""
        return self._detect(stream_scopes(read_scope(clip, self.config)))

    def detect(self, info: MediaInfo, identity: str | None) -> Detection:
        """Detect the offset of a probed clip.

        Args:
            info: The clip.
            identity: Its identity from before the probe.

        Raises:
            typer.BadParameter: No such device or precision, or the engine has no classes.
            SyncError: The clip or the model cannot be used.
            Cancelled: The user pressed Ctrl-C.
        """
        scope = replace(scope_of(info, self.config), identity=identity)
        (detection,) = self._detect((scope,))
        return detection

    def detect_again(self, exported: Exported) -> Detection:
        """Detect the offset of the first moved audio stream of a corrected file.

        Args:
            exported: The corrected file.

        Raises:
            SyncError: The file or the model cannot be used.
            Cancelled: The user pressed Ctrl-C.
        """
        config = replace(self.config, audio_stream_index=copied_stream(exported))
        return replace(self, config=config).detect_clip(exported.path)

    def _detect(self, scopes: Sequence[Scope]) -> tuple[Detection, ...]:
        """Detect the offset of each audio stream of a clip, one scope each."""
        self._check_classes()
        with watched() as monitor:
            cached_detector = self.cached_detector(monitor).sharing_features(len(scopes))
            found = [cached_detector.earlier(scope.info.path, scope.config) for scope in scopes]
            if n_earlier := sum(earlier is not None for earlier in found):
                share = f"{n_earlier} of {len(found)}: " if n_earlier < len(found) else ""
                monitor.say(f"{share}{shared_options.FROM_CACHE}", err=True)
            if n_earlier == len(found):
                return tuple(earlier for earlier in found if earlier)
            engine = shared_options.engine_for(self.choice, monitor)
            return tuple(
                earlier
                or cached_detector.detect(scope, engine, SubProgress(monitor, index, len(scopes)))
                for index, (earlier, scope) in enumerate(zip(found, scopes, strict=True))
            )

    def _check_classes(self) -> None:
        if self.needs_classes and self.choice.model == CLASSICAL:
            raise typer.BadParameter(
                "the classical estimate has no classes to list; choose another model with --model",
                param_hint="--top",
            )


def _seconds(text: str | None, option: str) -> float | None:
    """Read a time: "83.5", "83.5s", "1:23.5" or "1:02:03".

    Raises:
        typer.BadParameter: The text is no time.
    """
    if text is None:
        return None
    match = _CLOCK.fullmatch(text.strip())
    if match is None:
        raise typer.BadParameter(
            f"{text!r} is not a time; write 83.5, 1:23.5 or 1:02:03", param_hint=option
        )
    hours, minutes, rest = (float(part or 0) for part in match.groups())
    return 3600 * hours + 60 * minutes + rest


def _until_s(text: str | None) -> float | None:
    """Margin in seconds; None if not given or 0."""
    if text is None:
        return None
    try:
        return float(parse_delay(text)) or None
    except ValueError as error:
        raise typer.BadParameter(
            f"{text!r} is not a margin; write 20ms or 0.02s", param_hint="--until"
        ) from error
