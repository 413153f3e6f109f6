"""Checkpoint files of a run.

Their layout is that of `core.model.checkpoints.checkpoint`: weights under `model`, configuration
under `args`. They hold only tensors and plain data.
"""

import json
import os
import pickle
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self

import torch

from core.errors import CheckpointError
from core.paths import complete_or_absent

LATEST = "latest.pt"
BEST = "best.pt"

N_LISTED = 3
"""Largest number of differences named in a message."""

_RECIPE = "recipe"
"""Key of the values of a run as given by the user."""

About = Mapping[str, object]
"""Configuration of a run as plain data: everything that the weights depend on."""


@dataclass(slots=True)
class Standing:
    """Position of a run.

    Attributes:
        step: Number of completed steps.
        metrics: Metrics of the last validation.
        best: Best value so far of the metric `LoopConfig.best_by`.
        n_since_best: Number of validations since the best value.
    """

    step: int = 0
    metrics: dict[str, float] = field(default_factory=dict)
    best: float | None = None
    n_since_best: int = 0

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> Self:
        """Position in a checkpoint."""
        return cls(**{one.name: state[one.name] for one in fields(cls)})


def write_state(path: Path, state: Mapping[str, object]) -> None:
    """Write a checkpoint atomically, also against a stop of the machine."""
    with complete_or_absent(path) as partial, partial.open("wb") as file:
        torch.save(dict(state), file)
        file.flush()
        os.fsync(file.fileno())


def read_state(path: Path, about: About) -> dict[str, Any] | None:
    """Read the checkpoint of a run of the same configuration; None without a file.

    Raises:
        CheckpointError: The file is damaged, or belongs to a run of another configuration.
    """
    if not path.is_file():
        return None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        differences = _named_once(_differences(_plain(state["args"]), _plain(about)))
        Standing.of(state)
    except OSError as error:
        raise CheckpointError.unreadable(path, error) from error
    except UNFIT as error:
        raise damaged(path, error) from error
    if differences:
        raise CheckpointError(
            f"{path} belongs to a run with another configuration; choose another folder, or delete"
            f" that file to start over. It had {'; '.join(differences[:N_LISTED])}.",
            path=path,
            details="; ".join(differences),
        )
    return dict(state)


UNFIT = (
    pickle.UnpicklingError,
    EOFError,
    RuntimeError,
    KeyError,
    TypeError,
    ValueError,
    AttributeError,
)
"""Errors from a checkpoint with unexpected contents."""


def damaged(path: Path, error: Exception) -> CheckpointError:
    """Error for an unusable checkpoint."""
    return CheckpointError(
        f"{path} is damaged or no checkpoint of this program; delete that file to start over.",
        path=path,
        details=str(error),
    )


def remove_partial(folder: Path) -> None:
    """Delete partial files of interrupted runs; each is as large as a checkpoint."""
    for name in (LATEST, BEST):
        for partial in folder.glob(f".{name}.*.partial~"):
            partial.unlink(missing_ok=True)


def _plain(about: object) -> object:
    """Convert a configuration to JSON types: tuples become lists."""
    return json.loads(json.dumps(about))


def _named_once(differences: Iterable[tuple[str, str]]) -> list[str]:
    """Describe each difference once.

    The values of the loop are also part of the recipe; such a difference is named for the loop.
    """
    found = dict(differences)
    of_recipe = {f"{_RECIPE}.{name}" for name in found}
    return [f"{name} {words}" for name, words in found.items() if name not in of_recipe]


def _differences(theirs: object, ours: object, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield name and description of each difference between two configurations."""
    theirs, ours = _opened(theirs), _opened(ours)
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for key in sorted(theirs.keys() | ours.keys()):
            there, here = theirs.get(key), ours.get(key)
            yield from _differences(there, here, f"{name}.{key}" if name else key)
    elif theirs != ours:
        yield name, f"= {theirs!r} and not {ours!r}"


def _opened(value: object) -> object:
    """Parse JSON text, with list indices as keys; return any other value unchanged."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            value = json.loads(value)
        except ValueError:
            return value
    if isinstance(value, list) and any(isinstance(part, dict) for part in value):
        return {str(place): part for place, part in enumerate(value)}
    return value
