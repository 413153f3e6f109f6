"""Distribution of samples over ranks and steps, the same for all stages."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from training.aliases import Tensors
from training.data.samples import Samples, loader


@dataclass(frozen=True, slots=True)
class Share:
    """Part of one rank in every step.

    A run is a sequence of positions 0, 1, 2 …; a step uses the next `global_batch` positions. The
    samples are a function of the position, so a run can resume anywhere, on any number of
    processes.

    Attributes:
        batch_size: Samples per batch and rank.
        accumulate: Micro batches per step; their gradients are averaged.
        rank: Number of this process.
        n_ranks: Number of processes.
    """

    batch_size: int
    accumulate: int = 1
    rank: int = 0
    n_ranks: int = 1

    @property
    def global_batch(self) -> int:
        """Samples per step, over all ranks and micro batches."""
        return self.batch_size * self.n_ranks * self.accumulate

    def micro_batches(self, first_step: int, end_step: int) -> Iterator[list[int]]:
        """Yield the positions of this rank's micro batches, `accumulate` of them for each step."""
        n_at_once = self.batch_size * self.n_ranks
        for number in range(first_step * self.accumulate, end_step * self.accumulate):
            first = number * n_at_once + self.rank * self.batch_size
            yield list(range(first, first + self.batch_size))

    def questions(self, n_questions: int) -> Iterator[list[int]]:
        """Yield batches of this rank's questions in an evaluation: every n-th question."""
        own = range(self.rank, n_questions, self.n_ranks)
        for first in range(0, len(own), self.batch_size):
            yield list(own[first : first + self.batch_size])


class SampledTask:
    """Batches of a task; base class of the tasks of all stages.

    Args:
        train: Random samples by position.
        validation: Fixed samples.
        share: This process's share of both.
        n_workers: Processes for making samples; 0 for this process.
    """

    def __init__(
        self, train: Samples, validation: Samples, share: Share, *, n_workers: int = 0
    ) -> None:
        self._train, self._validation = train, validation
        self._share, self._n_workers = share, n_workers

    def batches(self, first: int, end: int) -> Iterator[Tensors]:
        """Yield this rank's micro batches of some steps."""
        return loader(self._train, self._share.micro_batches(first, end), self._n_workers)

    def validation_batches(self) -> Iterator[Tensors]:
        """Yield this rank's batches of the validation."""
        questions = self._share.questions(len(self._validation))
        return loader(self._validation, questions, self._n_workers)


def own_questions(batches: Iterable[Tensors]) -> Iterator[Tensors]:
    """Leave out replacements of unusable clips, as each replacement is also a question itself."""
    for batch in batches:
        is_own = batch["skipped"] == 0
        if is_own.any():
            yield {name: value[is_own] for name, value in batch.items()}
