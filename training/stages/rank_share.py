"""Which samples a rank learns from in which step, and how it goes through those it is asked."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from training.data.types import Tensors


@dataclass(frozen=True, slots=True)
class Share:
    """The part of every step that one rank takes.

    A run is a sequence of positions 0, 1, 2 …; a step uses the next `global_batch` of them. What a
    position stands for is the samples' matter, so that a run can go on anywhere, on any number of
    processes.

    Attributes:
        batch_size: Samples that a rank takes at once.
        accumulate: Micro batches whose gradients are added up in a step.
        rank: Number of this process.
        n_ranks: Number of processes.
    """

    batch_size: int
    accumulate: int = 1
    rank: int = 0
    n_ranks: int = 1

    @property
    def global_batch(self) -> int:
        """Samples of a step, over all ranks and micro batches."""
        return self.batch_size * self.n_ranks * self.accumulate

    def micro_batches(self, first_step: int, end_step: int) -> Iterator[list[int]]:
        """Yield the positions of this rank's micro batches, `accumulate` of them for each step."""
        n_at_once = self.batch_size * self.n_ranks
        for number in range(first_step * self.accumulate, end_step * self.accumulate):
            first = number * n_at_once + self.rank * self.batch_size
            yield list(range(first, first + self.batch_size))

    def questions(self, n_questions: int) -> Iterator[list[int]]:
        """Yield the batches of this rank's questions of an evaluation: every n-th one."""
        own = range(self.rank, n_questions, self.n_ranks)
        for first in range(0, len(own), self.batch_size):
            yield list(own[first : first + self.batch_size])


def own_questions(batches: Iterable[Tensors]) -> Iterator[Tensors]:
    """Leave out what stands for a clip that cannot be used, which would be asked about twice."""
    for batch in batches:
        is_own = batch["skipped"] == 0
        if is_own.any():
            yield {name: value[is_own] for name, value in batch.items()}
