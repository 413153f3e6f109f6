"""`check`: judge all clips of a folder and list what is wrong with which."""

from collections import Counter
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from core.batch.report import is_report, write_csv
from core.batch.runner import CLIP_SUFFIXES, FileResult, check_clips, find_clips
from core.detection.engines import EngineChoice
from core.detection.result import Stop
from core.media.correction import Inexact
from core.media.naming import DEFAULT_TEMPLATE
from synchformer_gui import judges, map_wording, quantities
from synchformer_gui.cache_settings import open_cache
from synchformer_gui.commands import correcting, extent, options, writing
from synchformer_gui.commands.exit_codes import ExitCode, exit_code, worst
from synchformer_gui.console import watched


def check(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the clips are.")],
    recursive: Annotated[
        bool, typer.Option("--recursive", "-r", help="Look into sub-folders as well.")
    ] = False,
    report: Annotated[
        Path | None,
        typer.Option("--report", metavar="OUT.csv", help="Write a table with a row per file."),
    ] = None,
    model: options.ModelOption = options.CHOICE.model,
    device: options.DeviceOption = options.CHOICE.device,
    precision: options.PrecisionOption = options.CHOICE.precision,
    compile_model: options.CompileOption = options.CHOICE.compile_model,
    legacy_alignment: options.LegacyAlignmentOption = options.CHOICE.legacy_alignment,
    tolerance: options.ToleranceOption = options.CONFIG.tolerance.name,
    hop_s: options.HopOption = options.CONFIG.hop_s,
    range_s: options.RangeOption = options.CONFIG.range_s,
    start: extent.StartOption = None,
    end: extent.EndOption = None,
    until: extent.UntilOption = None,
    budget: extent.BudgetOption = None,
    crop: options.CropOption = options.CONFIG.crop,
    no_cache: options.NoCacheOption = False,
    correct_to: correcting.CorrectToOption = None,
    retime: correcting.RetimeOption = False,
    keep_pitch: correcting.KeepPitchOption = False,
    inexact: correcting.InexactOption = None,
    template: writing.TemplateOption = DEFAULT_TEMPLATE,
    overwrite: writing.OverwriteOption = False,
    layout: writing.LayoutOption = None,
    keep_times: writing.KeepTimesOption = False,
    verify: writing.VerifyOption = True,
    certificate: writing.CertificateOption = False,
    dry_run: writing.DryRunOption = False,
) -> int:
    """Judge every video file of a folder; with --correct-to, write corrected copies.

    Ends with 3 if a file failed, else 1 if one is out of sync and was not corrected, else 2 if one
    is uncertain, else 0.
    """
    config = options.detection_config(
        tolerance, hop_s, range_s, extent=extent.Extent(start, end, until, budget), crop=crop
    )
    if folder.is_file():
        raise typer.BadParameter(
            f"{folder} is a file; judge a single clip with: synchformer-gui detect {folder}",
            param_hint="FOLDER",
        )
    if report is not None:
        options.check_replaceable(report, "--report", ".csv", is_report)
    wanted = writing.Writing(
        None, template, overwrite, layout, keep_times, verify, certificate, dry_run
    )
    correction = _correction(folder, correct_to, wanted, retime, keep_pitch, inexact)
    paths = find_clips(folder, recursive)
    if correction is not None:
        paths = tuple(path for path in paths if not correction.is_own(path))
    choice = EngineChoice(model, device, precision, compile_model, legacy_alignment)
    results: list[FileResult] = []
    with watched() as monitor:
        inquiry = open_cache(is_wanted=not no_cache).inquiry(choice, config, monitor)
        open_engine = partial(options.engine_for, choice, monitor)
        for result in check_clips(paths, open_engine, inquiry, monitor):
            monitor.say(_row(result, folder))
            if correction is not None:
                result = correction.correct(result, monitor, monitor.say)
            results.append(result)
    typer.echo(_summary(results))
    if correct_to is not None:
        typer.echo(_copies_line(results, correct_to))
    if names := {r.detection.opinion.engine_name for r in results if r.detection}:
        typer.echo(f"Judged by: {', '.join(sorted(names))}.")
    for line in _coverage_lines(results):
        typer.echo(line)
    if n_earlier := sum(result.is_earlier for result in results):
        typer.echo(f"{n_earlier} of {len(results)}: {options.FROM_CACHE}")
    for line in _offer_lines(results):
        typer.echo(line)
    if report is not None:
        write_csv(results, folder, report)
        typer.echo(f"Report: {report}")
    return worst(map(_code, results))


check.__doc__ = f"{check.__doc__}\nVideo files end in {' '.join(sorted(CLIP_SUFFIXES))}."


def _correction(
    folder: Path,
    target: Path | None,
    wanted: writing.Writing,
    retime: bool,
    keep_pitch: bool,
    inexact: Inexact | None,
) -> correcting.FolderCorrection | None:
    """Return how clips are corrected, if they are.

    Raises:
        typer.BadParameter: Options do not go together, or the folder is of no use.
    """
    if target is None:
        if wanted != writing.Writing() or retime or keep_pitch or inexact:
            raise typer.BadParameter(
                "what says how copies are written needs it", param_hint="--correct-to"
            )
        return None
    if keep_pitch and not retime:
        raise typer.BadParameter("needs --retime", param_hint="--keep-pitch")
    if target.is_file() or target.resolve() == folder.resolve():
        raise typer.BadParameter(
            f"{target} has to be a folder of its own, so that no copy is taken for a clip to check",
            param_hint="--correct-to",
        )
    return correcting.FolderCorrection(folder, target, wanted, retime, keep_pitch, inexact)


def _coverage_lines(results: Iterable[FileResult]) -> list[str]:
    """Say if only a part of each file was asked for, and how many were not judged to the end."""
    judged = [result.detection for result in results if result.detection]
    lines = []
    if judged and judged[0].config.is_region:
        start_s, end_s = judged[0].config.start_s, judged[0].config.end_s
        to = "to the end" if end_s is None else f"to {quantities.clock_text(end_s)}"
        lines.append(f"Judged only the part from {quantities.clock_text(start_s)} {to}.")
    stops = Counter(detection.coverage.stop for detection in judged)
    for stop, why in (
        (Stop.PRECISE, "that was enough (--until 0 judges everything)"),
        (Stop.BUDGET, "the time for each was spent"),
    ):
        if stops[stop]:
            lines.append(f"{stops[stop]} of {len(judged)} judged in part only: {why}.")
    return lines


def _copies_line(results: Iterable[FileResult], target: Path) -> str:
    """Say how many copies were written."""
    copies = [result.copy for result in results if result.copy is not None]
    n_written = sum(copy.is_written for copy in copies)
    n_foretold = sum(copy.path is not None for copy in copies) - n_written
    foretold = f", {n_foretold} would be" if n_foretold else ""
    n_left = sum(copy.path is None for copy in copies)
    left = f"; {n_left} out of sync without a copy" if n_left else ""
    return f"Corrected copies in {target}: {n_written} written{foretold}{left}."


def _offer_lines(results: Iterable[FileResult]) -> tuple[str, ...]:
    """Say once when a published model would be the better judge of a file."""
    offers = (
        judges.offer_lines(r.detection.opinion)
        for r in results
        if r.detection and not map_wording.is_known_to_change(r.detection)
    )
    return next(filter(None, offers), ())


def _code(result: FileResult) -> ExitCode:
    if result.detection is None:
        return ExitCode.FAILED
    if result.copy is not None and result.copy.has_failed:
        return ExitCode.FAILED
    if result.copy is not None and result.copy.is_written:
        return ExitCode.DONE
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
    duration = quantities.duration_text(result.detection.info.duration_s)
    return f"{name}  {duration}  {map_wording.verdict_row(result.detection)}"


def _summary(results: list[FileResult]) -> str:
    words = Counter(
        "failed" if r.detection is None else str(r.detection.estimate.verdict) for r in results
    )
    files = "1 file" if len(results) == 1 else f"{len(results)} files"
    return f"{files}: {', '.join(f'{count} {word}' for word, count in words.most_common())}."
