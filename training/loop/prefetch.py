"""Making batches ahead of their use, in a thread of the training process."""

from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

_Made = TypeVar("_Made")


def made_ahead(
    make: Callable[[int], _Made], first: int, end: int, n_ahead: int = 3
) -> Generator[_Made, None, None]:
    """Yield the results of `make` for the numbers from `first` to `end` - 1.

    Closing the generator waits for results in the making. An error of `make` is raised in its turn.
    """
    with ThreadPoolExecutor(1) as executor:
        waiting: dict[int, Future[_Made]] = {}
        for number in range(first, end):
            for wanted in range(number, min(number + n_ahead, end)):
                if wanted not in waiting:
                    waiting[wanted] = executor.submit(make, wanted)
            yield waiting.pop(number).result()
