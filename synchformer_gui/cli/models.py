"""`models`: list, download, import, verify and remove models."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from core import units
from core.detection.engines.user_calibration import calibration_path, read_calibration
from core.errors import CheckpointError
from core.model.checkpoints.kind import CheckpointKind
from core.model.store.catalog import BUILTIN, CATALOG, CatalogEntry, entry
from core.model.store.store import InstalledModel, ModelStore
from core.paths import models_dir
from synchformer_gui.cli.calibrate import summary
from synchformer_gui.cli.exit_codes import ExitCode
from synchformer_gui.cli.terminal import watched
from synchformer_gui.wording.engines import BEST_FOR, BUILTIN_DESCRIPTION, published_result

log = logging.getLogger(__name__)

NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="A name or an id from `models list`.")
]


def list_models() -> int:
    """List the built-in model, the published models and all installed models."""
    store = ModelStore(models_dir())
    installed = {model.id: model for model in store.installed()}
    damaged = set(_folder_names(store)) - set(installed)
    rows = [
        ("NAME", "ID", "INSTALLED", "DESCRIPTION"),
        (BUILTIN, BUILTIN, "always", BUILTIN_DESCRIPTION + _calibration(BUILTIN)),
    ]
    for published in CATALOG:
        state = "yes" if installed.pop(published.id, None) else "no"
        if published.id in damaged:
            damaged.remove(published.id)
            state = "damaged"
        what = _description(published) + _calibration(published.id)
        rows.append((published.alias, published.id, state, what))
    rows += [
        ("", model.id, "yes", model.title + _calibration(model.id)) for model in installed.values()
    ]
    rows += [("", name, "damaged", "remove it and install it again") for name in sorted(damaged)]
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    for *cells, what in rows:
        padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        typer.echo("  ".join([*padded, what]))
    typer.echo(f"Folder: {store.folder}")
    return ExitCode.DONE


def download_model(name: NameArgument) -> int:
    """Download a published model, verify it and install it."""
    with watched() as monitor:
        model = ModelStore(models_dir()).download(entry(name), monitor)
    _say_installed(model)
    return ExitCode.DONE


def import_model(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file of weights.")],
    model_id: Annotated[
        str | None,
        typer.Option("--id", metavar="ID", help="Id of the model; taken from FILE if not given."),
    ] = None,
) -> int:
    """Install a model from a file of weights."""
    with watched() as monitor:
        model = ModelStore(models_dir()).import_file(file, model_id=model_id, monitor=monitor)
    _say_installed(model)
    return ExitCode.DONE


def verify_models(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="One model; all if not given.")
    ] = None,
) -> int:
    """Verify that installed models are complete and unchanged."""
    store = ModelStore(models_dir())
    names = _folder_names(store) if name is None else [name]
    code = ExitCode.DONE
    with watched() as monitor:
        for one in names:
            try:
                store.verify(one, monitor)
            except CheckpointError as error:
                code = ExitCode.FAILED
                monitor.say(error.message, err=True)
            else:
                monitor.say(f"{one}: complete and unchanged.")
    if not names:
        typer.echo("No model is installed.")
    return code


def remove_model(name: NameArgument) -> int:
    """Delete an installed model."""
    ModelStore(models_dir()).remove(name)
    typer.echo(f"Removed {name}.")
    return ExitCode.DONE


def _folder_names(store: ModelStore) -> list[str]:
    """Names of all model folders, including damaged models."""
    if not store.folder.is_dir():
        return []
    return sorted(
        folder.name
        for folder in store.folder.iterdir()
        if folder.is_dir() and not folder.name.startswith(".")
    )


def _calibration(model_id: str) -> str:
    """Calibration of a model as the end of a row; empty if there is none."""
    try:
        found = read_calibration(calibration_path(model_id))
    except CheckpointError as error:
        log.warning("%s (%s)", error.message, error.details)
        return "; its calibration cannot be read, calibrate it again"
    return f"; {summary(found)}" if found else ""


def _description(published: CatalogEntry) -> str:
    best_for = BEST_FOR.get(published.alias)
    hint = f" (best for {best_for})" if best_for else ""
    return f"{published.title}{hint}: {published_result(published)}"


def _say_installed(model: InstalledModel) -> None:
    typer.echo(f"Installed {model.title} ({units.size_text(model.n_bytes)}) as {model.id}.")
    if model.kind is CheckpointKind.SYNC:
        typer.echo(f"Use it with --model {model.id}.")
