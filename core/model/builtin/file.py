"""File of the built-in network: weights as safetensors, everything else as JSON in the header."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from core.errors import CheckpointError
from core.model.builtin.lag_net import LagNet, LagSizes
from core.paths import complete_or_absent

FORMAT = "synchformer-gui lag network 1"

N_CONFIDENCE_WEIGHTS = 7
"""Number of weights of `core.detection.answer.confidence.ConfidenceRule`."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Parameters that turn the network's curves into probabilities; fitted on unseen clips.

    Attributes:
        temperature: Divisor of the logits.
        resolution_s: Smallest half-width of an interval, in seconds.
        confidence: Weights of `confidence.ConfidenceRule`; empty for none.
    """

    temperature: float = 1.0
    resolution_s: float = 0.04
    confidence: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not self.temperature > 0:
            raise ValueError(f"a temperature is above 0, got {self.temperature}")
        if len(self.confidence) not in (0, N_CONFIDENCE_WEIGHTS):
            raise ValueError(
                f"the confidence takes {N_CONFIDENCE_WEIGHTS} weights, got {self.confidence}"
            )


@dataclass(frozen=True, slots=True)
class About:
    """Origin of the weights.

    Attributes:
        commit: Commit of the training code.
        seed: Seed of the training run.
        recipe: Name and settings of the training run, in plain text.
    """

    commit: str
    seed: int
    recipe: str


@dataclass(frozen=True, slots=True, eq=False)
class BuiltinModel:
    """The built-in network, ready to use."""

    network: LagNet
    calibration: Calibration
    about: About


def write_builtin(path: Path, model: BuiltinModel) -> None:
    """Write weights, calibration and origin; the file is complete or absent.

    Raises:
        OSError: The file cannot be written.
    """
    facts = {
        "format": FORMAT,
        "sizes": json.dumps(asdict(model.network.sizes)),
        "calibration": json.dumps(asdict(model.calibration)),
        "about": json.dumps(asdict(model.about)),
    }
    tensors = {key: value.contiguous() for key, value in model.network.state_dict().items()}
    with complete_or_absent(path) as partial:
        save_file(tensors, partial, metadata=facts)
        partial.chmod(0o644)  # safetensors lets only the owner read.


def read_builtin(path: Path) -> BuiltinModel:
    """Read a file written by `write_builtin`, onto the CPU.

    Raises:
        CheckpointError: The file is missing, damaged or of another format.
    """
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            facts = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        if facts.get("format") != FORMAT:
            raise CheckpointError(
                f"{path} does not hold the built-in network; install the application again.",
                path=path,
            )
        network = LagNet(LagSizes(**json.loads(facts["sizes"])))
        network.load_state_dict(tensors)
        calibration = Calibration(**json.loads(facts["calibration"]))
        calibration = replace(calibration, confidence=tuple(calibration.confidence))
        about = About(**json.loads(facts["about"]))
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise CheckpointError(
            f"The built-in model {path} is missing or damaged; install the application again.",
            path=path,
            details=str(error),
        ) from error
    network.eval().requires_grad_(requires_grad=False)
    return BuiltinModel(network, calibration, about)
