"""`detect`: judge one clip and say by how much its sound is early or late."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from core.detection.config import DetectionConfig
from core.detection.detector import detect as run_detection
from core.detection.engines import CLASSICAL, EngineChoice
from core.detection.report import detection_to_json
from core.detection.result import Detection, Verdict
from core.media.probe import probe
from core.model.grid import OFFSET_GRID_S
from core.timing import delay_for
from synchformer_gui import judges, quantities, wording
from synchformer_gui.commands import options
from synchformer_gui.commands.exit_codes import exit_code
from synchformer_gui.console import watched

JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON document and nothing else.")
]
PlotOption = Annotated[
    Path | None,
    typer.Option("--plot", metavar="OUT.png", help="Draw how likely each offset is."),
]
TopOption = Annotated[
    int | None,
    typer.Option("--top", metavar="K", min=1, help="List the K likeliest classes as well."),
]
SimulateOption = Annotated[
    float,
    typer.Option(
        "--simulate-offset",
        metavar="S",
        help="Make the audio early by S seconds first (late if negative), to try the model.",
    ),
]
WindowStartOption = Annotated[
    float | None,
    typer.Option(
        "--window-start",
        metavar="S",
        help="Judge only the 5 s that begin here, seconds; in float32 unless told otherwise.",
    ),
]

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, slots=True)
class RankedClass:
    """One of the 21 classes, judged over the whole clip.

    Attributes:
        probability: Softmax of the logits.
        logit: Sum of the logits of all windows.
        offset_s: Centre of the class.
        class_index: Position in the grid, 0..20.
    """

    probability: float
    logit: float
    offset_s: float
    class_index: int


def detect(
    clip: options.ClipArgument,
    model: options.ModelOption = options.CHOICE.model,
    device: options.DeviceOption = options.CHOICE.device,
    precision: options.PrecisionOption = options.CHOICE.precision,
    compile_model: options.CompileOption = options.CHOICE.compile_model,
    tolerance: options.ToleranceOption = options.CONFIG.tolerance.name,
    hop_s: options.HopOption = options.CONFIG.hop_s,
    range_s: options.RangeOption = options.CONFIG.range_s,
    audio_stream: options.AudioStreamOption = options.CONFIG.audio_stream_index,
    as_json: JsonOption = False,
    plot: PlotOption = None,
    top: TopOption = None,
    simulate_offset_s: SimulateOption = options.CONFIG.simulate_offset_s,
    window_start_s: WindowStartOption = options.CONFIG.window_start_s,
) -> int:
    """Say by how much the sound of a clip is early or late.

    Ends with 0 if in sync, 1 if out of sync, 2 if it cannot tell, 3 if the file cannot be judged.
    """
    config = options.detection_config(
        tolerance,
        hop_s,
        range_s,
        audio_stream_index=audio_stream,
        simulate_offset_s=simulate_offset_s,
        window_start_s=window_start_s,
    )
    if plot is not None:
        options.check_replaceable(plot, "--plot", ".png", lambda path: _is_other_png(path, clip))
    if window_start_s is not None and precision == options.CHOICE.precision:
        # A single window is judged to compare its numbers with published ones.
        precision = "float32"
    choice = EngineChoice(model, device, precision, compile_model)
    detection = judge(clip, choice, config, needs_classes=top is not None)
    classes = () if top is None else top_classes(detection, top)
    if plot is not None:
        from synchformer_gui.plot import write_plot

        write_plot(detection, plot)
    if as_json:
        _print_json(detection, classes)
    else:
        for line in [*answer_lines(detection), *map(class_line, classes)]:
            typer.echo(line)
        if plot is not None:
            typer.echo(f"Plot: {plot}")
    return exit_code(detection.estimate.verdict)


def judge(
    clip: Path, choice: EngineChoice, config: DetectionConfig, *, needs_classes: bool = False
) -> Detection:
    """Load the engine and judge one clip, with progress on the terminal.

    Args:
        clip: The media file.
        choice: What is to answer.
        config: How the clip is judged.
        needs_classes: Whether the answer has to come in Synchformer's classes.

    Raises:
        typer.BadParameter: No such device or precision, or what would answer has no classes.
        SyncError: The clip or the model cannot be used.
        Cancelled: The user pressed Ctrl-C.
    """
    probe(clip)  # Loading a network takes seconds; a wrong file name need not wait for it.
    with watched() as monitor:
        engine = options.engine_for(choice, monitor)
        if needs_classes and engine.id == CLASSICAL:
            raise typer.BadParameter(
                f"the {engine.name} has no classes to list; choose another model with --model",
                param_hint="--top",
            )
        return run_detection(clip, engine, config, monitor)


def answer_lines(detection: Detection) -> list[str]:
    """Return what a person reads about a judged clip, line by line."""
    info, estimate = detection.info, detection.estimate
    simulation = wording.simulation_sentence(detection.config.simulate_offset_s)
    rate = f", {quantities.rate_text(info.frame_rate)}" if info.frame_rate else ""
    lines = [
        f"{info.path} ({quantities.duration_text(info.duration_s)}{rate})",
        wording.answer_sentence(detection),
    ]
    if estimate.verdict is Verdict.OUT_OF_SYNC and not simulation:
        lines.append(wording.correction_sentence(delay_for(estimate.offset_s)))
    lines += [
        simulation,
        wording.margin_sentence(estimate),
        wording.belonging_sentence(estimate),
        judges.engine_sentence(detection.opinion),
        *judges.offer_lines(detection.opinion),
        wording.second_opinion_sentence(detection),
        *(f"Note: {warning}" for warning in detection.warnings),
    ]
    return [line for line in lines if line]


def top_classes(detection: Detection, k: int) -> tuple[RankedClass, ...]:
    """Rank the offset classes of the whole clip, or of its one window.

    Args:
        detection: The answer of a model with classes.
        k: How many to list.
    """
    posteriors = [e.posterior for e in detection.evidence if e.posterior is not None]
    logits = np.stack([p.logits for p in posteriors]).sum(axis=0, dtype=np.float64)
    probabilities = np.exp(logits - logits.max())
    probabilities /= probabilities.sum()
    order = np.argsort(-logits, kind="stable")[:k]
    return tuple(
        RankedClass(
            float(probabilities[i]), float(logits[i]), round(float(OFFSET_GRID_S[i]), 2), int(i)
        )
        for i in order
    )


def class_line(ranked: RankedClass) -> str:
    """Write a class as Synchformer's own example does: p, logit, seconds and class."""
    return (
        f'p={ranked.probability:.4f} ({ranked.logit:.4f}), "{ranked.offset_s:.2f}" '
        f"({ranked.class_index})"
    )


def _is_other_png(path: Path, clip: Path) -> bool:
    if clip.exists() and path.samefile(clip):
        return False
    with path.open("rb") as file:
        return file.read(len(_PNG_SIGNATURE)) == _PNG_SIGNATURE


def _print_json(detection: Detection, classes: Sequence[RankedClass]) -> None:
    document = detection_to_json(detection)
    if classes:
        document["top"] = [
            {
                "p": ranked.probability,
                "logit": ranked.logit,
                "offset_s": ranked.offset_s,
                "class_index": ranked.class_index,
            }
            for ranked in classes
        ]
    typer.echo(json.dumps(document, indent=2, allow_nan=False))
