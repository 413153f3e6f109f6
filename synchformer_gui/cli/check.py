"""`check`: detect the offsets of all clips of a folder, list and correct them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from core import units
from core.detection.result import Stop
from core.media.delay_hints import delay_hints
from core.workflow.csv_report import is_report, write_csv
from core.workflow.folder import CLIP_SUFFIXES, FileResult, Outcome, check_clips, find_clips
from synchformer_gui.cli import check_export, shared_options
from synchformer_gui.cli.check_export import FolderExport, FolderExportOptions
from synchformer_gui.cli.correct_options import CorrectOptions
from synchformer_gui.cli.detect_options import DetectCommand, DetectOptions
from synchformer_gui.cli.exit_codes import ExitCode, exit_code, worst
from synchformer_gui.cli.export_options import ExportOptions
from synchformer_gui.cli.option_groups import grouped
from synchformer_gui.cli.terminal import watched
from synchformer_gui.wording.engines import better_model_lines
from synchformer_gui.wording.verdict import is_known_to_change, verdict_row

_CORRECTED = {Outcome.WRITTEN, Outcome.WOULD_BE_WRITTEN, Outcome.ALREADY_THERE}


@grouped
def check(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder of the clips.")],
    *,
    recursive: Annotated[
        bool, typer.Option("--recursive", "-r", help="Search sub-folders, too.")
    ] = False,
    report: Annotated[
        Path | None,
        typer.Option("--report", metavar="OUT.csv", help="Write a table with one row per file."),
    ] = None,
    detection_options: DetectOptions,
    correct_to: check_export.CorrectToOption = None,
    correct_options: CorrectOptions,
    move_all: check_export.MoveAllOption = False,
    export_options: ExportOptions,
    dry_run: check_export.DryRunOption = False,
) -> int:
    """Detect the offset of every video file of a folder; --correct-to writes corrected copies.

    Exit code: 3 if a file or its correction failed, else 4 if a certificate could not be written,
    else 1 if a file is out of sync and was not corrected, else 2 if one is uncertain, else 0.
    """
    detector = DetectCommand(
        detection_options.choice, detection_options.config(), detection_options.no_cache
    )
    options = FolderExportOptions(
        replace(export_options, is_dry=dry_run), correct_options, move_all
    )
    _check_places(folder, report, correct_to, options)
    paths = find_clips(folder, recursive, left_out=correct_to)
    if correct_to and recursive and correct_to.resolve().is_relative_to(folder.resolve()):
        typer.echo(f"Skipping {correct_to}, the folder of the corrected clips.")
    exports = FolderExport(folder, correct_to, options, paths) if correct_to else None
    results = _detect_all(paths, folder, detector, exports)
    for line in _closing_lines(results):
        typer.echo(line)
    if report is not None:
        write_csv(results, folder, report)
        typer.echo(f"Report: {report}")
    return worst(map(_code, results))


check.__doc__ = f"{check.__doc__}\nVideo files end in {' '.join(sorted(CLIP_SUFFIXES))}."


def _check_places(
    folder: Path, report: Path | None, correct_to: Path | None, options: FolderExportOptions
) -> None:
    """Check folders and files before any work.

    Raises:
        typer.BadParameter: One of them cannot be used.
    """
    if folder.is_file():
        raise typer.BadParameter(
            f"{folder} is a file; for a single clip use: synchformer-gui detect {folder}",
            param_hint="FOLDER",
        )
    if report is not None:
        shared_options.check_replaceable(report, "--report", ".csv", is_report)
    if correct_to is not None:
        check_export.check_goal(correct_to, folder)
    elif options != FolderExportOptions():
        raise typer.BadParameter(
            "options about corrected clips need a folder for them", param_hint="--correct-to"
        )


def _detect_all(
    paths: Sequence[Path], folder: Path, detector: DetectCommand, exports: FolderExport | None
) -> list[FileResult]:
    """Detect the offsets of all clips, each followed by its correction."""
    results: list[FileResult] = []
    with watched() as monitor:
        cached_detector = detector.cached_detector(monitor)
        open_engine = partial(shared_options.engine_for, detector.choice, monitor)
        for result in check_clips(paths, open_engine, cached_detector, detector.config, monitor):
            for line in (_row(result, folder), *_hint_lines(result)):
                monitor.say(line)
            done = result
            if exports is not None:
                done = replace(result, correction=exports.correct(result, monitor))
                for sentence in done.correction.sentences if done.correction else ():
                    monitor.say(f"  {sentence}")
            results.append(done)
    return results


def _closing_lines(results: list[FileResult]) -> list[str]:
    """Summary of verdicts, corrections, engines, analyzed parts and cached answers."""
    lines = [_summary(results)]
    outcomes = Counter(result.correction.outcome for result in results if result.correction)
    if outcomes:
        parts = (f"{count} {outcome}" for outcome, count in outcomes.most_common())
        lines.append(f"Corrections: {', '.join(parts)}.")
    if names := {r.detection.opinion.engine_name for r in results if r.detection}:
        lines.append(f"Engine: {', '.join(sorted(names))}.")
    lines += _coverage_lines(results)
    if n_earlier := sum(result.is_earlier for result in results):
        lines.append(f"{n_earlier} of {len(results)}: {shared_options.FROM_CACHE}")
    return [*lines, *_offer_lines(results)]


def _coverage_lines(results: Iterable[FileResult]) -> list[str]:
    """Lines about the chosen part, and the number of files analyzed in part."""
    detections = [result.detection for result in results if result.detection]
    lines = []
    if detections and detections[0].config.is_region:
        start_s, end_s = detections[0].config.start_s, detections[0].config.end_s
        to = "to the end" if end_s is None else f"to {units.clock_text(end_s)}"
        lines.append(f"Analyzed only the part from {units.clock_text(start_s)} {to}.")
    stops = Counter(detection.coverage.stop for detection in detections)
    for stop, why in (
        (Stop.PRECISE, "the margin was narrow enough (--until 0 analyzes everything)"),
        (Stop.BUDGET, "the time budget was spent"),
    ):
        if stops[stop]:
            lines.append(f"{stops[stop]} of {len(detections)} analyzed in part: {why}.")
    return lines


def _offer_lines(results: Iterable[FileResult]) -> tuple[str, ...]:
    """Offer of a published model, once, if it would be the better engine for a file."""
    offers = (
        better_model_lines(r.detection.opinion)
        for r in results
        if r.detection and not is_known_to_change(r.detection)
    )
    return next(filter(None, offers), ())


def _code(result: FileResult) -> ExitCode:
    correction = result.correction
    if result.detection is None or (correction and correction.outcome is Outcome.FAILED):
        return ExitCode.FAILED
    if correction and correction.outcome in _CORRECTED:
        return ExitCode.DONE if correction.is_certified else ExitCode.PARTLY_DONE
    return exit_code(result.detection.estimate.verdict)


def _row(result: FileResult, folder: Path) -> str:
    name = result.path.relative_to(folder)
    if result.detection is None:
        why = result.error
        # Most sentences begin with the name of the file, with or without its folder.
        for known in (f"{result.path} ", f"{result.path.name} "):
            if why.startswith(known):
                why = f"it {why.removeprefix(known)}"
        return f"{name}  failed: {why}"
    duration = units.duration_text(result.detection.info.duration_s)
    return f"{name}  {duration}  {verdict_row(result.detection)}"


def _hint_lines(result: FileResult) -> list[str]:
    hints = delay_hints(result.detection.info) if result.detection else ()
    return [f"  Hint: {hint.sentence}" for hint in hints]


def _summary(results: list[FileResult]) -> str:
    words = Counter(
        "failed" if r.detection is None else str(r.detection.estimate.verdict) for r in results
    )
    files = "1 file" if len(results) == 1 else f"{len(results)} files"
    return f"{files}: {', '.join(f'{count} {word}' for word, count in words.most_common())}."
