from core import progress
from core.progress import ByteProgress, Progress


class Recorder:
    def __init__(self) -> None:
        self.reported: list[Progress] = []
        self.n_checks = 0

    def report(self, progress: Progress) -> None:
        self.reported.append(progress)

    def check(self) -> None:
        self.n_checks += 1


def test_bytes_are_reported_as_a_share_from_zero_to_one(monkeypatch):
    monkeypatch.setattr(progress, "_REPORT_EVERY_S", 0)
    monitor = Recorder()
    counted = ByteProgress(monitor, "Copying", 640)

    for _ in range(97):
        counted.add(10)

    assert monitor.n_checks == 4
    assert monitor.reported == [Progress("Copying", share) for share in (0.0, 0.5, 1.0, 1.0)]


def test_an_empty_file_has_a_share_too():
    monitor = Recorder()

    ByteProgress(monitor, "Copying", 0).add(10)

    assert monitor.reported == [Progress("Copying", 0.0)]
