import threading
import time
from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from core.errors import MediaError, SyncError
from core.progress import Progress
from synchformer_gui.jobs.jobs import Job, JobProgress, JobQueue

pytestmark = pytest.mark.gui


class Listener(QObject):
    """Notes what a job emits, and on which thread."""

    def __init__(self, job: Job) -> None:
        super().__init__()
        self.events: list[tuple[str, object]] = []
        self.threads: set[int] = set()
        job.progressed.connect(self.on_progressed)
        job.published.connect(self.on_published)
        job.succeeded.connect(self.on_succeeded)
        job.failed.connect(self.on_failed)
        job.cancelled.connect(self.on_cancelled)
        job.finished.connect(self.on_finished)

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.events]

    @property
    def outcomes(self) -> list[str]:
        return [name for name in self.names if name not in {"progressed", "published"}]

    def on_progressed(self, progress: object) -> None:
        self._note("progressed", progress)

    def on_published(self, values: object) -> None:
        self._note("published", values)

    def on_succeeded(self, value: object) -> None:
        self._note("succeeded", value)

    def on_failed(self, error: object) -> None:
        self._note("failed", error)

    def on_cancelled(self) -> None:
        self._note("cancelled", None)

    def on_finished(self) -> None:
        self._note("finished", None)

    def _note(self, name: str, value: object) -> None:
        self.threads.add(threading.get_ident())
        self.events.append((name, value))


@pytest.fixture
def queue() -> Iterator[JobQueue]:
    queue = JobQueue(1)
    yield queue
    queue.close()


def run(qtbot: QtBot, queue: JobQueue, work: Callable[[Job], object]) -> Listener:
    job = Job(work)
    listener = Listener(job)
    with qtbot.waitSignal(job.finished, timeout=5000):
        queue.submit(job)
    return listener


def wait_for_cancel(job: Job) -> None:
    while True:
        job.check()
        time.sleep(0.005)


def test_result_and_progress_arrive_on_the_gui_thread(qtbot: QtBot, queue: JobQueue) -> None:
    worker = []

    def work(job: Job) -> str:
        worker.append(threading.get_ident())
        job.report(Progress("Counting", 0.5))
        job.publish(1)
        job.publish(2)
        return "done"

    listener = run(qtbot, queue, work)

    assert listener.outcomes == ["succeeded", "finished"]
    assert ("succeeded", "done") in listener.events
    assert ("published", (1, 2)) in listener.events
    assert ("progressed", JobProgress("Counting", 0.5, None)) in listener.events
    assert listener.threads == {threading.get_ident()}
    assert worker != [threading.get_ident()]


def test_progress_is_delivered_at_most_ten_times_a_second(qtbot: QtBot, queue: JobQueue) -> None:
    def work(job: Job) -> None:
        started = time.monotonic()
        while (elapsed := time.monotonic() - started) < 0.65:
            job.report(Progress("Counting", elapsed))
            time.sleep(0.001)

    names = run(qtbot, queue, work).names

    # One more comes with the end, so that the last word is never lost.
    assert 2 <= names.count("progressed") <= 8


def test_remaining_time_is_estimated_from_the_pace(qtbot: QtBot, queue: JobQueue) -> None:
    def work(job: Job) -> None:
        job.report(Progress("Counting", 0.0))
        time.sleep(0.8)
        job.report(Progress("Counting", 0.5))

    last = run(qtbot, queue, work).events[-3][1]

    assert isinstance(last, JobProgress)
    assert last.remaining_s == pytest.approx(0.8, abs=0.4)


def test_failure_carries_the_sentence(qtbot: QtBot, queue: JobQueue) -> None:
    error = MediaError("clip.mp4 is not a media file.")

    def work(job: Job) -> None:
        raise error

    listener = run(qtbot, queue, work)

    assert listener.events == [("failed", error), ("finished", None)]


def test_unexpected_failure_becomes_a_sentence_with_details(
    qtbot: QtBot, queue: JobQueue, caplog: pytest.LogCaptureFixture
) -> None:
    def work(job: Job) -> None:
        raise ZeroDivisionError("one over nothing")

    listener = run(qtbot, queue, work)

    error = listener.events[0][1]
    assert listener.names == ["failed", "finished"]
    assert isinstance(error, SyncError)
    assert "one over nothing" in error.details
    assert "ZeroDivisionError" not in error.message
    assert "failed unexpectedly" in caplog.text


def test_running_job_can_be_cancelled(qtbot: QtBot, queue: JobQueue) -> None:
    job = Job(wait_for_cancel)
    listener = Listener(job)
    with qtbot.waitSignal(job.finished, timeout=5000):
        queue.submit(job)
        qtbot.wait(50)
        job.cancel()

    assert listener.names == ["cancelled", "finished"]


def test_job_cancelled_before_its_turn_never_runs(qtbot: QtBot, queue: JobQueue) -> None:
    ran = []
    first, second = Job(wait_for_cancel), Job(ran.append)
    listener = Listener(second)
    with qtbot.waitSignals([first.finished, second.finished], timeout=5000):
        queue.submit(first)
        queue.submit(second)
        second.cancel()
        first.cancel()

    assert listener.names == ["cancelled", "finished"]
    assert not ran


def test_jobs_of_one_worker_run_one_after_the_other(qtbot: QtBot, queue: JobQueue) -> None:
    running: list[int] = []
    seen: list[int] = []

    def work(job: Job) -> None:
        running.append(1)
        seen.append(len(running))
        time.sleep(0.02)
        running.pop()

    jobs = [Job(work) for _ in range(5)]
    with qtbot.waitSignals([job.finished for job in jobs], timeout=5000):
        for job in jobs:
            queue.submit(job)

    assert seen == [1] * 5


def test_close_cancels_everything_and_waits(qtbot: QtBot) -> None:
    queue = JobQueue(1)
    ended = []

    def work(job: Job) -> None:
        try:
            wait_for_cancel(job)
        finally:
            ended.append(True)

    jobs = [Job(work), Job(work)]
    listeners = [Listener(job) for job in jobs]
    for job in jobs:
        queue.submit(job)
    qtbot.wait(50)

    queue.close()

    assert ended == [True]
    qtbot.waitUntil(lambda: all(one.names for one in listeners))
    assert [one.names for one in listeners] == [["cancelled", "finished"]] * 2


def test_finished_jobs_are_released(qtbot: QtBot, queue: JobQueue) -> None:
    run(qtbot, queue, str)

    assert not queue._live
    assert not queue._timer.isActive()
