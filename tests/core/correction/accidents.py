"""What happens to files while they are copied."""

from collections.abc import Callable

from core.progress import Progress


class OnThirdCheck:
    """A monitor that does something in the middle of the copying.

    Args:
        happen: What is done.
    """

    def __init__(self, happen: Callable[[], object]) -> None:
        self._happen = happen
        self._n_checks = 3

    def report(self, progress: Progress) -> None:
        pass

    def check(self) -> None:
        self._n_checks -= 1
        if self._n_checks == 0:
            self._happen()
