"""Model card: the description (`model.json`) beside the weights of an installed model."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec

from core.errors import CheckpointError
from core.model.checkpoints.kind import CheckpointKind

WEIGHTS_NAME = "model.safetensors"
CARD_NAME = "model.json"

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class ModelCard:
    """Description of an installed model.

    Attributes:
        kind: Kind of the model.
        title: Name to show.
        sha256: SHA-256 of the weights file.
        n_bytes: Size of the weights file.
        source_sha256: SHA-256 of the imported file; empty for none.
        published_id: Id of the published model; empty for other models.
        info: Plain JSON data stored with the weights, such as the training configuration.
    """

    kind: CheckpointKind
    title: str
    sha256: str
    n_bytes: int
    source_sha256: str
    published_id: str
    info: dict[str, object]


def write_card(card: ModelCard, folder: Path) -> None:
    """Write a model card into the folder of its model.

    Raises:
        OSError: The file cannot be written.
    """
    text = json.dumps({"format": _FORMAT, **asdict(card)}, indent=2, ensure_ascii=False)
    (folder / CARD_NAME).write_text(text + "\n", encoding="utf-8")


def read_card(folder: Path) -> ModelCard:
    """Read the card of an installed model and check the size of its weights.

    Raises:
        CheckpointError: The card or the weights are missing, damaged, or of another version of
            this application.
    """
    try:
        data = json.loads((folder / CARD_NAME).read_text(encoding="utf-8"))
        if data["format"] != _FORMAT:
            raise CheckpointError(
                f"The model {folder.name} was installed by another version of this application; "
                "remove it and install it again.",
                path=folder,
            )
        # A card without `published_id` is that of a model named as it was published, if it was.
        card = msgspec.convert({"published_id": folder.name, **data}, ModelCard)
        n_bytes = (folder / WEIGHTS_NAME).stat().st_size
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            f"The model {folder.name} is damaged; remove it and install it again.",
            path=folder,
            details=f"{type(error).__name__}: {error}",
        ) from error
    if n_bytes != card.n_bytes:
        raise CheckpointError(
            f"The model {folder.name} is damaged; remove it and install it again.",
            path=folder,
            details=f"{WEIGHTS_NAME} has {n_bytes} bytes instead of {card.n_bytes}",
        )
    return card
