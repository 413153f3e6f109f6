import pytest

from core.progress import Progress
from training import terminal
from training.terminal import TerminalMonitor


def _words(shown: str) -> list[str]:
    """The lines without the time of the day."""
    return [line.partition(" ")[2].strip() for line in shown.splitlines()]


def test_each_stage_has_its_first_and_its_last_words(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with TerminalMonitor() as monitor:
        monitor.report(Progress("Rendering train clips", 1.0))
        monitor.report(Progress("Training, loss 4.211", 0.1))
        monitor.report(Progress("Training, loss 2.013", 0.2))
        monitor.report(Progress("Training, loss 1.034", 0.5))
        monitor.report(Progress("Calibrating"))
        monitor.check()
    shown = capsys.readouterr()
    assert shown.out == ""
    lines = [line.partition(": ")[2] for line in _words(shown.err)]
    assert lines == [
        "Rendering train clips",
        "Training, loss 4.211",
        "Training, loss 1.034",
        "Calibrating",
    ]
    assert _words(shown.err)[0].startswith("100 %")


def test_a_long_stage_says_how_far_it_is_and_what_is_left(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terminal, "LINE_EVERY_S", 0)
    with TerminalMonitor() as monitor:
        for tenth in range(1, 6):
            monitor.report(Progress(f"Training, loss {9 - tenth}", tenth / 10))
    lines = _words(capsys.readouterr().err)
    assert len(lines) == 5
    assert lines[-1] == "50 %, 0 minutes left: Training, loss 4"


def test_the_time_left_follows_from_the_pace_since_the_run_went_on(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = iter(range(0, 6000, 600))
    monkeypatch.setattr(terminal.time, "monotonic", lambda: next(seconds))
    with TerminalMonitor() as monitor:
        monitor.report(Progress("Training, loss 2.5", 0.6))
        monitor.report(Progress("Training, loss 2.4", 0.8))
    lines = _words(capsys.readouterr().err)
    assert lines == ["60 %: Training, loss 2.5", "80 %, 20 minutes left: Training, loss 2.4"]


def test_the_last_words_are_written_after_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        with TerminalMonitor() as monitor:
            monitor.report(Progress("Training, loss 4.211", 0.1))
            monitor.report(Progress("Training, loss 3.907", 0.2))
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        fail()
    assert "Training, loss 3.907" in capsys.readouterr().err
