"""How long work tells where it is and learns that it is no longer wanted."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a piece of work stands.

    Attributes:
        stage: What is being done, as a short phrase to show ("Analysing picture and sound").
        fraction: Share of the whole that is done, 0..1; None while the whole is not known.
    """

    stage: str
    fraction: float | None = None


class Monitor(Protocol):
    """The two questions between work and whoever asked for it; both are cheap to call often."""

    def report(self, progress: Progress) -> None:
        """Take note of the progress."""
        ...

    def check(self) -> None:
        """Return if the work is still wanted.

        Raises:
            Cancelled: The work is to end here, leaving nothing half done.
        """
        ...


class _Silent:
    def report(self, progress: Progress) -> None:
        """Ignore it."""

    def check(self) -> None:
        """Never cancel."""


SILENT: Monitor = _Silent()


class Unreported:
    """Asks the monitor behind it but tells it nothing: for work whose progress is not shown."""

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor

    def report(self, progress: Progress) -> None:
        """Ignore it."""

    def check(self) -> None:
        """Ask the monitor behind."""
        self._monitor.check()
