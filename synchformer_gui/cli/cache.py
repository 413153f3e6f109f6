"""`cache`: answers and network features of analyzed clips, kept for later runs."""

from dataclasses import replace
from typing import Annotated

import typer

from core.detection.cached_detector import LARGEST_MB, MEGABYTE, CacheLimits
from core.units import size_text
from synchformer_gui.cache_settings import open_cache, read_limits, write_limits
from synchformer_gui.cli.exit_codes import ExitCode

_DEFAULTS = CacheLimits()


def show_cache() -> int:
    """Show contents, size, limits and folder of the cache."""
    cache = open_cache()
    used, limits = cache.usage(), cache.limits
    for title, usage, n_mb in (
        ("Answers", used.answers, limits.answers_mb),
        ("Clips with network features", used.features, limits.features_mb),
    ):
        most = f"at most {size_text(n_mb * MEGABYTE)}" if n_mb else "none are kept"
        typer.echo(f"{title}: {usage.n_items}, {size_text(usage.n_bytes)} ({most})")
    typer.echo(f"Folder: {cache.folder}")
    return ExitCode.DONE


def limit_cache(
    answers_mb: Annotated[
        int | None,
        typer.Option(
            "--answers",
            metavar="MB",
            min=0,
            max=LARGEST_MB,
            help=f"Limit for answers; 0 keeps none [default: {_DEFAULTS.answers_mb}].",
        ),
    ] = None,
    features_mb: Annotated[
        int | None,
        typer.Option(
            "--features",
            metavar="MB",
            min=0,
            max=LARGEST_MB,
            help=f"Limit for network features of clips [default: {_DEFAULTS.features_mb}].",
        ),
    ] = None,
) -> int:
    """Limit the size of the cache, in MB. The least recently used entries are deleted first."""
    limits = read_limits()
    if answers_mb is not None:
        limits = replace(limits, answers_mb=answers_mb)
    if features_mb is not None:
        limits = replace(limits, features_mb=features_mb)
    write_limits(limits)
    open_cache().shrink()
    return show_cache()


def clear_cache() -> int:
    """Delete the contents of the cache. Clips, models and settings are kept."""
    cache = open_cache()
    used = cache.usage()
    cache.clear()
    typer.echo(f"Deleted {size_text(used.answers.n_bytes + used.features.n_bytes)}.")
    return ExitCode.DONE
