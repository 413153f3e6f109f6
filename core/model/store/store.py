"""Store of installed models, one folder each: import, download, verification, removal.

Listing needs neither torch nor the network, so these are imported late.
"""

import logging
import re
import shutil
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import CheckpointError
from core.model.checkpoints.kind import CheckpointKind
from core.model.checkpoints.model_card import WEIGHTS_NAME, read_card
from core.model.hashing import FileHash, hash_file
from core.model.store.catalog import AUTO, BUILTIN, CATALOG, CLASSICAL, CatalogEntry, entry_for_md5
from core.progress import SILENT, Monitor, Progress

if TYPE_CHECKING:
    from core.model.checkpoints.checkpoint import Checkpoint

log = logging.getLogger(__name__)

DOWNLOADS_NAME = ".downloads"
"""Folder of incomplete downloads; no model's name begins with a dot."""

_RESERVED = frozenset({AUTO, BUILTIN, CLASSICAL})
_ID = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """A model on the disk.

    Attributes:
        id: Name of the folder; for a published model the name of the training run.
        kind: Kind of the model.
        title: Name to show.
        folder: Folder of the model.
        sha256: SHA-256 of the weights at the time of installation.
        n_bytes: Size of the weights.
        published_id: Id in the catalogue, independent of the name; empty for other models.
    """

    id: str
    kind: CheckpointKind
    title: str
    folder: Path
    sha256: str
    n_bytes: int
    published_id: str = ""

    @property
    def weights_path(self) -> Path:
        return self.folder / WEIGHTS_NAME


class ModelStore:
    """The folder of installed models.

    Args:
        folder: Parent of one folder per model; created with the first model.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def installed(self) -> tuple[InstalledModel, ...]:
        """List the installed models by name; damaged ones are skipped with a warning."""
        models = []
        for folder in sorted(self.folder.iterdir()) if self.folder.is_dir() else ():
            if not folder.is_dir() or not _is_id(folder.name):
                continue
            try:
                models.append(_model(folder))
            except CheckpointError as error:
                log.warning("%s (%s)", error.message, error.details)
        return tuple(models)

    def find(self, name: str) -> InstalledModel:
        """Find an installed model by its id or by its alias in the catalogue.

        Raises:
            CheckpointError: The model is not installed or damaged; the message lists the others.
        """
        model_id = _id_of(name)
        if _is_id(model_id) and (self.folder / model_id).is_dir():
            return _model(self.folder / model_id)
        installed = ", ".join(model.id for model in self.installed()) or "none"
        published = {entry.id: entry for entry in CATALOG}
        if model_id in published:
            raise CheckpointError(
                f"The model {name} ({published[model_id].title}) is not installed; download it or "
                f"import its file (installed: {installed})."
            )
        known = ", ".join(entry.alias for entry in CATALOG)
        raise CheckpointError(
            f"No model is called {name}; installed: {installed}; for download: {known}."
        )

    def import_file(
        self, path: Path, *, model_id: str | None = None, monitor: Monitor = SILENT
    ) -> InstalledModel:
        """Convert a file of weights and install it; the file itself is not changed.

        Args:
            path: A published file, a plain state dict or safetensors.
            model_id: Name of the model. By default the id of a published file, or a name made
                from the file name.
            monitor: Receives the progress.

        Raises:
            CheckpointError: The file is refused, or the name is taken or not allowed.
            Cancelled: The monitor cancelled the work.
        """
        from core.model.checkpoints.checkpoint import read_checkpoint

        if model_id is not None:
            self._require_free(model_id)
        checkpoint = read_checkpoint(path, monitor)
        hashes = _hash(path, monitor)
        entry = entry_for_md5(hashes.md5)
        if model_id is None:
            model_id = entry.id if entry else self._free_id(path.stem)
            self._require_free(model_id)
        return self._install(checkpoint, hashes, model_id, entry, monitor)

    def download(self, entry: CatalogEntry, monitor: Monitor = SILENT) -> InstalledModel:
        """Download a published model from the first working address, and install it.

        Does nothing if the model is installed; a damaged one is replaced.

        Raises:
            CheckpointError: No address delivered the file (the details list every failure), or the
                file cannot be kept.
            Cancelled: The monitor cancelled the work; the partial file is kept for the next time.
        """
        from core.model.checkpoints.checkpoint import read_checkpoint
        from core.model.store.download import SourceError, fetch

        folder = self.folder / entry.id
        if folder.is_dir():
            try:
                return _model(folder)
            except CheckpointError as error:
                log.warning("Replacing a damaged model: %s (%s)", error.message, error.details)
                self.remove(entry.id)
        downloads = self.folder / DOWNLOADS_NAME
        failures = []
        for source in entry.sources:
            try:
                download, hashes = fetch(source, downloads, entry.id, monitor)
            except SourceError as error:
                log.warning("%s (%s)", error.message, error.details)
                failures.append(f"{error.message} ({error.details})")
                continue
            try:
                checkpoint = read_checkpoint(download.path, monitor)
            except CheckpointError as error:
                log.warning("%s: %s (%s)", source.url, error.message, error.details)
                failures.append(f"{source.url}: {error.message} ({error.details})")
                download.discard()
                continue
            model = self._install(checkpoint, hashes, entry.id, entry, monitor)
            # Windows cannot delete a file with tensors mapped to it.
            del checkpoint
            for leftover in downloads.glob(f"{entry.id}.*"):
                leftover.unlink()
            return model
        raise CheckpointError(
            f"{entry.title} could not be downloaded from any of its {len(entry.sources)} "
            "addresses; check the connection and try again, or fetch the file yourself and import "
            "it.",
            details="\n".join(failures),
        )

    def verify(self, name: str, monitor: Monitor = SILENT) -> None:
        """Compare the weights with their SHA-256 at the time of installation.

        Raises:
            CheckpointError: The model is not installed, or its weights have changed.
            Cancelled: The monitor cancelled the work.
        """
        model = self.find(name)
        found = _hash(model.weights_path, monitor).sha256
        if found != model.sha256:
            raise CheckpointError(
                f"The weights of {model.id} have changed since they were installed; remove the "
                "model and install it again.",
                path=model.weights_path,
                details=f"SHA-256 {found} instead of {model.sha256}",
            )

    def remove(self, name: str) -> None:
        """Delete an installed model, damaged or not.

        Raises:
            CheckpointError: The model is not installed or cannot be deleted.
        """
        model_id = _id_of(name)
        folder = self.folder / model_id
        if not _is_id(model_id) or not folder.is_dir():
            raise CheckpointError(f"No model called {name} is installed in {self.folder}.")
        # A partly deleted folder never has the name of the model.
        doomed = self.folder / f".{model_id}.removed~"
        try:
            if doomed.exists():
                shutil.rmtree(doomed)
            folder.rename(doomed)
            shutil.rmtree(doomed)
        except OSError as error:
            raise CheckpointError(
                f"The model {model_id} could not be removed completely from {self.folder}; close "
                "programs that use it and check that you may write there.",
                path=folder,
                details=str(error),
            ) from error

    def _install(
        self,
        checkpoint: "Checkpoint",
        hashes: FileHash,
        model_id: str,
        published: CatalogEntry | None,
        monitor: Monitor,
    ) -> InstalledModel:
        from core.model.checkpoints.checkpoint import save_checkpoint

        monitor.check()
        monitor.report(Progress("Converting"))
        folder = self.folder / model_id
        save_checkpoint(
            checkpoint,
            folder,
            title=published.title if published else checkpoint.path.name,
            source_sha256=hashes.sha256,
            published_id=published.id if published else "",
        )
        log.info("Installed %s from a file with SHA-256 %s", model_id, hashes.sha256)
        return _model(folder)

    def _require_free(self, model_id: str) -> None:
        if not _is_id(model_id):
            raise CheckpointError(
                f"{model_id!r} cannot be the name of a model; use up to 64 letters, digits, dots, "
                "hyphens and underscores, with a letter or digit at both ends."
            )
        if model_id in _RESERVED:
            raise CheckpointError(
                f"{model_id} is a reserved name; choose another name for the model."
            )
        if (self.folder / model_id).exists():
            raise CheckpointError(
                f"A model called {model_id} is installed already; remove it first or choose "
                "another name.",
                path=self.folder / model_id,
            )

    def _free_id(self, stem: str) -> str:
        """Make a free name from a file name; ids and aliases of published models are reserved."""
        plain = re.sub(r"[^A-Za-z0-9._-]+", "-", stem)[:58].strip("._-") or "model"
        reserved = _RESERVED.union(*((entry.id, entry.alias) for entry in CATALOG))
        candidates = (plain if n == 1 else f"{plain}-{n}" for n in count(1))
        return next(
            name
            for name in candidates
            if name not in reserved and not (self.folder / name).exists()
        )


def _id_of(name: str) -> str:
    """Resolve an alias of the catalogue to its id; other names pass unchanged."""
    return next((entry.id for entry in CATALOG if entry.alias == name), name)


def _is_id(name: str) -> bool:
    """Check that a name is safe as the name of a folder."""
    return _ID.fullmatch(name) is not None


def _model(folder: Path) -> InstalledModel:
    card = read_card(folder)
    return InstalledModel(
        folder.name, card.kind, card.title, folder, card.sha256, card.n_bytes, card.published_id
    )


def _hash(path: Path, monitor: Monitor) -> FileHash:
    try:
        return hash_file(path, monitor)
    except OSError as error:
        raise CheckpointError.unreadable(path, error) from error
