"""Samples that are given, and one thread for small networks."""

from collections.abc import Iterator

import pytest
import torch

from training.aliases import Tensors


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small networks gain nothing from a second thread, which a busy machine makes slow."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class FixedSamples:
    """The same few samples at all positions."""

    def __init__(self, items: list[Tensors]) -> None:
        self.items, self.n_items = items, len(items)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, position: int) -> Tensors:
        item = position % len(self.items)
        return {"item": torch.tensor(item), "skipped": torch.tensor(0), **self.items[item]}
