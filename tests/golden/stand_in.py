"""Stand-in weights: every tensor follows from a seed, its name and its shape alone.

The recipe belongs to the recorded numbers (see README.md): a PCG64 stream per tensor, each of its
64-bit words turned into the sum of its four 16-bit parts, which is bell-shaped after centring and
scaling. Only exact integer sums and correctly rounded float32 steps are involved, so that the bits
are the same everywhere.
"""

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

GOLDEN_FOLDER = Path(__file__).parent

MEAN_OF_SUM = 4 * 65535 / 2
STD_OF_SUM = math.sqrt(4 * (65536**2 - 1) / 12)


def stand_in_tensor(name: str, shape: Sequence[int], seed: int = 0) -> torch.Tensor:
    """Return the float32 stand-in of one parameter."""
    if not shape:
        return torch.tensor(0.07)
    key = hashlib.sha256(f"{seed}:{name}".encode()).digest()
    words = np.random.PCG64(int.from_bytes(key, "big")).random_raw(math.prod(shape))
    quarters = np.asarray(words, dtype="<u8").view("<u2").reshape(-1, 4).astype(np.int32)
    total = quarters[:, 0] + quarters[:, 1] + quarters[:, 2] + quarters[:, 3]
    centred = total.astype(np.float32) - np.float32(MEAN_OF_SUM)
    values = centred * np.float32(_spread(name, shape) / STD_OF_SUM)
    if len(shape) == 1 and name.endswith(".weight"):
        values += np.float32(1)
    return torch.from_numpy(values.reshape(shape))


def stand_in_weights(
    shapes: Mapping[str, Sequence[int]], prefix: str = "", seed: int = 0
) -> dict[str, torch.Tensor]:
    """Return the stand-ins of all parameters below a prefix, under their full names."""
    return {
        name: stand_in_tensor(name, shape, seed)
        for name, shape in shapes.items()
        if name.startswith(prefix)
    }


def published_shapes(kind: str) -> dict[str, tuple[int, ...]]:
    """Return the parameter names and shapes of a published file: sync, synchability or avclip."""
    manifest = json.loads((GOLDEN_FOLDER / "manifests.json").read_text())[kind]
    return {
        name: tuple(shape) for pattern, shape in manifest.items() for name in _expanded(pattern)
    }


def _expanded(pattern: str) -> list[str]:
    """Write out a name in which "[12]" stands for the layer numbers 0 to 11."""
    count = re.search(r"\[(\d+)\]", pattern)
    if count is None:
        return [pattern]
    return [pattern.replace(count[0], str(i)) for i in range(int(count[1]))]


def _spread(name: str, shape: Sequence[int]) -> float:
    """Return the standard deviation of a parameter."""
    last = name.rpartition(".")[2]
    in_fusion = name.startswith("transformer.")
    if "bias" in last:
        return 0.02
    if last == "weight" and len(shape) == 1:
        return 0.1
    if last.endswith("weight"):
        sharpened = in_fusion and name.endswith((".query.weight", ".key.weight"))
        return (2.0 if sharpened else 1.0) / math.sqrt(math.prod(shape[1:]))
    return 0.5 if in_fusion and last == "pos_emb" else 0.02
