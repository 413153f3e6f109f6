from types import SimpleNamespace
from typing import Any

import numpy as np

from core.media.retimed_check import _excerpts
from core.progress import SILENT


def test_channels_in_opposite_phase_are_heard() -> None:
    left = np.sin(np.arange(4800) / 10)
    block = SimpleNamespace(position=0, end=4800, samples=np.stack([left, -left]))
    sound: Any = SimpleNamespace(start_s=0, rate_hz=48_000, blocks=lambda _: [block])
    (excerpt,) = _excerpts(sound, [(0.0, 0.1)], SILENT)
    assert np.abs(excerpt).max() > 0.2
