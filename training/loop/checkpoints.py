"""The files that a run leaves and goes on from.

They have the layout that `checkpoints.checkpoint` reads: the weights lie under `model`, the
configuration under `args`. Everything in them is a tensor or plain data.
"""

import json
import os
import pickle
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from core.errors import CheckpointError
from core.paths import complete_or_absent

LATEST = "latest.pt"
BEST = "best.pt"

N_LISTED = 3
"""So many differences between two configurations are named."""

_RECIPE = "recipe"
"""The part of a configuration that holds the values of a run as they were given."""

About = Mapping[str, object]
"""What decides what the weights become, as plain data: the configuration of a run."""


@dataclass(slots=True)
class Standing:
    """Where a run is.

    Attributes:
        step: Steps that are done.
        metrics: Of the last validation.
        best: The best value so far of the metric that is looked at.
        n_since_best: Validations since then.
    """

    step: int = 0
    metrics: dict[str, float] = field(default_factory=dict)
    best: float | None = None
    n_since_best: int = 0

    @property
    def as_plain(self) -> dict[str, object]:
        return {
            "step": self.step,
            "metrics": self.metrics,
            "best": self.best,
            "n_since_best": self.n_since_best,
        }


def write_state(path: Path, state: Mapping[str, object]) -> None:
    """Write a checkpoint that is there as a whole or not at all, also if the machine stops."""
    with complete_or_absent(path) as partial, partial.open("wb") as file:
        torch.save(dict(state), file)
        file.flush()
        os.fsync(file.fileno())


def read_state(path: Path, about: About) -> dict[str, Any] | None:
    """Read the checkpoint of a run of the same configuration; None if there is none.

    Raises:
        CheckpointError: It is damaged, or belongs to a run of another configuration.
    """
    if not path.is_file():
        return None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        differences = _named_once(_differences(_plain(state["args"]), _plain(about)))
        Standing(**standing_fields(state))
    except OSError as error:
        raise CheckpointError.unreadable(path, error) from error
    except UNFIT as error:
        raise damaged(path, error) from error
    if differences:
        raise CheckpointError(
            f"{path} belongs to a run with another configuration; choose another folder, or delete"
            f" that file to begin anew. It had {'; '.join(differences[:N_LISTED])}.",
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
"""What goes wrong when a checkpoint holds something else than it should."""


def damaged(path: Path, error: Exception) -> CheckpointError:
    """Return the failure to make anything of a checkpoint."""
    return CheckpointError(
        f"{path} is damaged or no checkpoint of this program; delete that file to begin anew.",
        path=path,
        details=str(error),
    )


def standing_fields(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return where a run was when it wrote a checkpoint."""
    return {name: state[name] for name in ("step", "metrics", "best", "n_since_best")}


def remove_partial(folder: Path) -> None:
    """Delete what runs left that ended while they wrote; it is as large as a checkpoint."""
    for name in (LATEST, BEST):
        for partial in folder.glob(f".{name}.*.partial~"):
            partial.unlink(missing_ok=True)


def _plain(about: object) -> object:
    """Return a configuration as JSON has it, where tuples are lists."""
    return json.loads(json.dumps(about))


def _named_once(differences: Iterable[tuple[str, str]]) -> list[str]:
    """Return differences in words.

    The loop's values are those of the recipe, so what differs in both is left to the loop.
    """
    found = dict(differences)
    of_recipe = {f"{_RECIPE}.{name}" for name in found}
    return [f"{name} {words}" for name, words in found.items() if name not in of_recipe]


def _differences(theirs: object, ours: object, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield the names of what differs in two configurations, and how in words."""
    theirs, ours = _opened(theirs), _opened(ours)
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for key in sorted(theirs.keys() | ours.keys()):
            there, here = theirs.get(key), ours.get(key)
            yield from _differences(there, here, f"{name}.{key}" if name else key)
    elif theirs != ours:
        yield name, f"= {theirs!r} and not {ours!r}"


def _opened(value: object) -> object:
    """Return what a text in JSON holds, with the places of a list as keys; else the value."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            value = json.loads(value)
        except ValueError:
            return value
    if isinstance(value, list) and any(isinstance(part, dict) for part in value):
        return {str(place): part for place, part in enumerate(value)}
    return value
