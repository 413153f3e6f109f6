"""Progress and cancellation of long work."""

import math
import time
from dataclasses import dataclass
from typing import Protocol

_CHECK_EVERY_PACKETS = 32
_REPORT_EVERY_S = 0.1


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress of a piece of work.

    Attributes:
        stage: Present step, as a short phrase to show ("Analyzing picture and sound").
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


class ByteProgress:
    """Progress of reading packets, as a share of all bytes."""

    def __init__(self, monitor: Monitor, stage: str, n_bytes: int) -> None:
        self._monitor = monitor
        self._stage = stage
        self._n_bytes = max(n_bytes, 1)
        self._n_done = 0
        self._n_packets = 0
        self._reported_s = -math.inf

    def add(self, n_bytes: int) -> None:
        """Count a packet; some check the monitor and report the progress before.

        Raises:
            Cancelled: The monitor says so.
        """
        if self._n_packets % _CHECK_EVERY_PACKETS == 0:
            self._monitor.check()
            if time.monotonic() - self._reported_s >= _REPORT_EVERY_S:
                self._reported_s = time.monotonic()
                share = min(self._n_done / self._n_bytes, 1.0)
                self._monitor.report(Progress(self._stage, share))
        self._n_packets += 1
        self._n_done += n_bytes
