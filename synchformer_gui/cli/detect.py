"""`detect`: measure the offset of one clip."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from core import units
from core.detection.result import Detection, Verdict
from core.detection.serialize import detection_to_json
from core.model.synchformer.offset_classes import OFFSET_GRID_S
from synchformer_gui.cli import shared_options
from synchformer_gui.cli.detect_options import DetectCommand, DetectOptions
from synchformer_gui.cli.exit_codes import ExitCode, exit_code, worst
from synchformer_gui.cli.option_groups import grouped
from synchformer_gui.wording.coverage import coverage_sentence
from synchformer_gui.wording.engines import better_model_lines, engine_sentence
from synchformer_gui.wording.verdict import (
    answer_sentence,
    belonging_sentence,
    correction_sentence,
    is_known_to_change,
    margin_sentence,
    second_opinion_sentence,
    simulation_sentence,
)

JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON document and nothing else.")
]
PlotOption = Annotated[
    Path | None,
    typer.Option("--plot", metavar="OUT.png", help="Draw the probability of each offset."),
]
TopOption = Annotated[
    int | None,
    typer.Option("--top", metavar="K", min=1, help="List the K most probable classes, too."),
]
SimulateOption = Annotated[
    float,
    typer.Option(
        "--simulate-offset",
        metavar="S",
        help="Make the audio S seconds early (late if negative) before the analysis, for tests.",
    ),
]
WindowStartOption = Annotated[
    float | None,
    typer.Option(
        "--window-start",
        metavar="S",
        help="Analyze only the 5 s from here on, seconds; in float32 unless --precision is given.",
    ),
]

AudioStreamsOption = Annotated[
    str | None,
    typer.Option(
        "--audio-stream",
        metavar="N|all",
        help="Index of the audio stream in the file, or all for each of them; the first one if not "
        "given.",
    ),
]

ALL_STREAMS = "all"
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, slots=True)
class RankedClass:
    """One of the 21 classes, over the whole clip.

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


@grouped
def detect(
    clip: shared_options.ClipArgument,
    *,
    detection_options: DetectOptions,
    audio_stream: AudioStreamsOption = None,
    as_json: JsonOption = False,
    plot: PlotOption = None,
    top: TopOption = None,
    simulate_offset_s: SimulateOption = shared_options.CONFIG.simulate_offset_s,
    window_start_s: WindowStartOption = shared_options.CONFIG.window_start_s,
) -> int:
    """Measure the offset of the sound of a clip: how early or late it is.

    Exit code: 0 in sync, 1 out of sync, 2 cannot tell, 3 the file cannot be analyzed.
    """
    config = detection_options.config(
        _stream_index(audio_stream),
        simulate_offset_s=simulate_offset_s,
        window_start_s=window_start_s,
    )
    choice = detection_options.choice
    _check_plot(plot, clip, audio_stream)
    if window_start_s is not None:
        # A single window serves to compare numbers with published ones.
        seen = "centre" if config.crop == shared_options.CONFIG.crop else config.crop
        config = replace(config, shift_step_s=0.0, crop=seen)
        exact = (
            "float32" if choice.precision == shared_options.CHOICE.precision else choice.precision
        )
        choice = replace(choice, precision=exact, legacy_alignment=False, calibrated=False)
    command = DetectCommand(
        choice, config, detection_options.no_cache, needs_classes=top is not None
    )
    if audio_stream == ALL_STREAMS:
        return _print_streams(command.detect_streams(clip), top, as_json=as_json)
    return _print_answer(command.detect_clip(clip), top, plot, as_json=as_json)


def answer_lines(detection: Detection) -> list[str]:
    """Lines shown to users about a detection."""
    info, estimate = detection.info, detection.estimate
    simulation = simulation_sentence(detection.config.simulate_offset_s)
    rate = f", {units.rate_text(info.frame_rate)}" if info.frame_rate else ""
    lines = [
        f"{info.path} ({units.duration_text(info.duration_s)}{rate})",
        answer_sentence(detection),
    ]
    if estimate.verdict is Verdict.OUT_OF_SYNC and not simulation:
        lines.append(correction_sentence(detection))
    lines += [
        simulation,
        margin_sentence(detection),
        coverage_sentence(detection),
        belonging_sentence(estimate),
        engine_sentence(detection.opinion),
        *(() if is_known_to_change(detection) else better_model_lines(detection.opinion)),
        second_opinion_sentence(detection),
        *(f"Note: {warning}" for warning in detection.warnings),
    ]
    return [line for line in lines if line]


def top_classes(detection: Detection, k: int) -> tuple[RankedClass, ...]:
    """Rank the offset classes of the whole clip, or of its one window.

    Args:
        detection: Detection of an engine with classes.
        k: Number of classes to list.
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
    """Line about a class as in Synchformer's own example: p, logit, seconds and class."""
    return (
        f'p={ranked.probability:.4f} ({ranked.logit:.4f}), "{ranked.offset_s:.2f}" '
        f"({ranked.class_index})"
    )


def _is_other_png(path: Path, clip: Path) -> bool:
    if clip.exists() and path.samefile(clip):
        return False
    with path.open("rb") as file:
        return file.read(len(_PNG_SIGNATURE)) == _PNG_SIGNATURE


def _stream_index(text: str | None) -> int | None:
    if text is None or text == ALL_STREAMS:
        return None
    if not text.isdecimal():
        raise typer.BadParameter(
            f"{text!r} is no stream; give its number or {ALL_STREAMS}", param_hint="--audio-stream"
        )
    return int(text)


def _check_plot(plot: Path | None, clip: Path, audio_stream: str | None) -> None:
    if plot is None:
        return
    if audio_stream == ALL_STREAMS:
        raise typer.BadParameter("a plot shows one stream; name it", param_hint="--plot")
    shared_options.check_replaceable(plot, "--plot", ".png", lambda path: _is_other_png(path, clip))


def _print_answer(
    detection: Detection, top: int | None, plot: Path | None, *, as_json: bool
) -> ExitCode:
    if plot is not None:
        from synchformer_gui.plot import write_plot

        write_plot(detection, plot)
    if as_json:
        _print_json(_document(detection, top))
    else:
        _print_lines(detection, top)
        if plot is not None:
            typer.echo(f"Plot: {plot}")
    return exit_code(detection.estimate.verdict)


def _print_streams(detections: Sequence[Detection], top: int | None, *, as_json: bool) -> ExitCode:
    if as_json:
        _print_json([_document(detection, top) for detection in detections])
    else:
        for number, detection in enumerate(detections, start=1):
            index = detection.audio_stream_index
            space = "\n" if number > 1 else ""
            typer.echo(f"{space}Audio stream {index} ({number} of {len(detections)}):")
            _print_lines(detection, top)
    return worst(exit_code(detection.estimate.verdict) for detection in detections)


def _print_lines(detection: Detection, top: int | None) -> None:
    classes = () if top is None else top_classes(detection, top)
    for line in [*answer_lines(detection), *map(class_line, classes)]:
        typer.echo(line)


def _document(detection: Detection, top: int | None) -> dict[str, object]:
    document = detection_to_json(detection)
    if detection.changing_map:
        # No one offset is the answer; the sync map is.
        document |= {"offset_s": None, "interval_s": None}
    if top is not None:
        document["top"] = [
            {
                "p": ranked.probability,
                "logit": ranked.logit,
                "offset_s": ranked.offset_s,
                "class_index": ranked.class_index,
            }
            for ranked in top_classes(detection, top)
        ]
    return document


def _print_json(document: object) -> None:
    typer.echo(json.dumps(document, indent=2, allow_nan=False))
