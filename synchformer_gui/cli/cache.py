"""`cache`: what is kept of the clips that were judged, so that nothing is worked out twice."""

from dataclasses import replace
from typing import Annotated

import typer

from core.detection.cached_detector import LARGEST_MB, MEGABYTE, CacheLimits
from core.units import size_text
from synchformer_gui.cache_settings import open_cache, read_limits, write_limits
from synchformer_gui.cli.exit_codes import ExitCode

_DEFAULTS = CacheLimits()


def show_cache() -> int:
    """Say what is kept, how large it is and may become, and where it lies."""
    cache = open_cache()
    used, limits = cache.usage(), cache.limits
    for what, usage, n_mb in (
        ("Answers", used.answers, limits.answers_mb),
        ("Clips with features of a network", used.features, limits.features_mb),
    ):
        most = f"at most {size_text(n_mb * MEGABYTE)}" if n_mb else "none are kept"
        typer.echo(f"{what}: {usage.n_items}, {size_text(usage.n_bytes)} ({most})")
    typer.echo(f"They are kept in {cache.folder}")
    return ExitCode.DONE


def limit_cache(
    answers_mb: Annotated[
        int | None,
        typer.Option(
            "--answers",
            metavar="MB",
            min=0,
            max=LARGEST_MB,
            help=f"Of answers; 0 keeps none [{_DEFAULTS.answers_mb} at first].",
        ),
    ] = None,
    features_mb: Annotated[
        int | None,
        typer.Option(
            "--features",
            metavar="MB",
            min=0,
            max=LARGEST_MB,
            help=f"Of what networks made of pictures [{_DEFAULTS.features_mb} at first].",
        ),
    ] = None,
) -> int:
    """Say how much may be kept, in MB; what was not used for longest goes first."""
    limits = read_limits()
    if answers_mb is not None:
        limits = replace(limits, answers_mb=answers_mb)
    if features_mb is not None:
        limits = replace(limits, features_mb=features_mb)
    write_limits(limits)
    open_cache().shrink()
    return show_cache()


def clear_cache() -> int:
    """Delete all that is kept; clips, models and settings stay."""
    cache = open_cache()
    used = cache.usage()
    cache.clear()
    typer.echo(f"Deleted {size_text(used.answers.n_bytes + used.features.n_bytes)}.")
    return ExitCode.DONE
