"""Makes batches ahead of their use, in a thread of the process that trains."""

from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

_Made = TypeVar("_Made")


def made_ahead(
    make: Callable[[int], _Made], first: int, end: int, n_ahead: int = 3
) -> Generator[_Made, None, None]:
    """Yield what is made of each number from `first` until before `end`.

    Closing the generator waits for what is still being made. A failure to make something comes
    when its turn does.
    """
    with ThreadPoolExecutor(1) as executor:
        waiting: dict[int, Future[_Made]] = {}
        for number in range(first, end):
            for wanted in range(number, min(number + n_ahead, end)):
                if wanted not in waiting:
                    waiting[wanted] = executor.submit(make, wanted)
            yield waiting.pop(number).result()
