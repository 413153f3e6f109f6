"""What commands do to judge a clip: look for an earlier answer, else load an engine and ask it."""

from pathlib import Path

import typer

from core.detection.config import DetectionConfig
from core.detection.detector import detect_streams
from core.detection.engine import Engine
from core.detection.engines import EngineChoice
from core.detection.result import Detection
from core.media.probe import probe
from core.model.catalog import CLASSICAL
from core.progress import Monitor
from synchformer_gui.cache_settings import open_cache
from synchformer_gui.commands import options
from synchformer_gui.console import watched


def judge(
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
    probe(clip)  # Loading a network takes seconds; a wrong file name need not wait for it.
    with watched() as monitor:
        inquiry = open_cache(is_wanted=not no_cache).inquiry(choice, config, monitor)
        earlier = inquiry.earlier(clip)
        if earlier and (not needs_classes or earlier.opinion.engine_id != CLASSICAL):
            monitor.say(options.FROM_CACHE, err=True)
            return earlier
        engine = _engine(choice, monitor, needs_classes=needs_classes)
        return inquiry.judge(clip, engine, monitor)


def judge_streams(
    clip: Path, choice: EngineChoice, config: DetectionConfig, *, needs_classes: bool
) -> tuple[Detection, ...]:
    """Judge every audio stream of a clip against its picture, always anew.

    Args:
        clip: The media file.
        choice: What is to answer.
        config: How the clip is judged.
        needs_classes: Whether the answer has to come in Synchformer's classes.

    Raises:
        typer.BadParameter, SyncError, Cancelled: As in `judge`.
    """
    probe(clip)
    with watched() as monitor:
        engine = _engine(choice, monitor, needs_classes=needs_classes)
        return detect_streams(clip, engine, config, monitor)


def _engine(choice: EngineChoice, monitor: Monitor, *, needs_classes: bool) -> Engine:
    engine = options.engine_for(choice, monitor)
    if needs_classes and engine.id == CLASSICAL:
        raise typer.BadParameter(
            f"the {engine.name} has no classes to list; choose another model with --model",
            param_hint="--top",
        )
    return engine
