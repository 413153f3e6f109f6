"""The command line of training: `python -m training COMMAND`."""

import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from core.errors import Cancelled, SyncError
from training.benchmark.command import benchmark
from training.builtin.command import builtin, recalibrate
from training.commands.export import export
from training.commands.prepare import prepare
from training.data.synthetic.salient import SalientStyle, write_salient_clips
from training.data.synthetic.samples import write_samples
from training.evaluation.run import evaluate
from training.features.command import features
from training.loop.distributed import is_first_process
from training.stages.runs import contrastive, sync, synchability

EXIT_FAILED = 3
EXIT_USAGE = 64
EXIT_CANCELLED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: Arguments after the program's name; None for the arguments of the process.

    Returns:
        Exit code: 0 for success, 3 for failure, 64 for wrong usage, 130 if cancelled.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    logging.basicConfig(format="%(message)s")
    level = logging.INFO if is_first_process() else logging.WARNING
    logging.getLogger("training").setLevel(level)
    try:
        code = _commands()(arguments, prog_name="python -m training", standalone_mode=False)
    except typer.TyperException as error:
        typer.echo(error.format_message(), err=True)
        return EXIT_USAGE
    except SyncError as error:
        typer.echo(error.message, err=True)
        return EXIT_FAILED
    except (Cancelled, KeyboardInterrupt, typer.Abort):
        typer.echo("Cancelled.", err=True)
        return EXIT_CANCELLED
    return int(code or 0)


def _commands() -> typer.Typer:
    app = typer.Typer(
        add_completion=False,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        help="Train and measure the models that find the offset of a clip.",
    )
    app.command("builtin")(builtin)
    app.command("recalibrate")(recalibrate)
    app.command("benchmark")(benchmark)
    app.command("samples")(samples)
    app.command("salient")(salient)
    app.command("contrastive")(contrastive)
    app.command("sync")(sync)
    app.command("synchability")(synchability)
    app.command("evaluate")(evaluate)
    app.command("features")(features)
    app.command("export")(export)
    app.command("prepare")(prepare)
    return app


def samples(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Created if missing.")],
    n_per_scene: Annotated[
        int, typer.Option("--per-scene", metavar="N", min=1, help="Clips of each event type.")
    ] = 1,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the clips.")] = 0,
) -> None:
    """Write some generated clips and a contact sheet for inspection."""
    sheet = write_samples(folder, n_per_scene, seed)
    typer.echo(f"Contact sheet: {sheet}")


def salient(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Created if missing.")],
    n_clips: Annotated[
        int, typer.Option("--clips", metavar="N", min=1, help="Number of clips.")
    ] = 100,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the clips.")] = 0,
    is_single: Annotated[
        bool, typer.Option("--single", help="One event per clip, near its middle.")
    ] = False,
) -> None:
    """Write clips that are easy to synchronize, for testing the training."""
    paths = write_salient_clips(folder, n_clips, seed, SalientStyle(is_single=is_single))
    typer.echo(f"Clips in {folder}: {len(paths)}")


if __name__ == "__main__":
    sys.exit(main())
