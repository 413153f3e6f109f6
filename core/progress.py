"""Progress and cancellation of long work."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress of a piece of work.

    Attributes:
        stage: Present step, as a short phrase to show ("Analysing picture and sound").
        fraction: Finished share, 0..1; None if not known.
    """

    stage: str
    fraction: float | None = None


class Monitor(Protocol):
    """Receiver of progress, and source of cancellation; both methods are cheap to call often."""

    def report(self, progress: Progress) -> None:
        """Receive the progress."""
        ...

    def check(self) -> None:
        """Raise if the work is cancelled.

        Raises:
            Cancelled: The work has to end here, without partial results.
        """
        ...


class _Silent:
    def report(self, progress: Progress) -> None:
        """Ignore the progress."""

    def check(self) -> None:
        """Never cancel."""


SILENT: Monitor = _Silent()


class Unreported:
    """Monitor for work without shown progress; cancellation is passed on."""

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor

    def report(self, progress: Progress) -> None:
        """Ignore the progress."""

    def check(self) -> None:
        """Check the wrapped monitor."""
        self._monitor.check()
