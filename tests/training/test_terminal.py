import pytest

from core.progress import Progress
from training import terminal
from training.terminal import TerminalMonitor


def _words(shown: str) -> list[str]:
    """Return the lines without the time of the day."""
    return [line.partition(" ")[2].strip() for line in shown.splitlines()]


def test_without_a_terminal_each_stage_has_its_first_and_its_last_words(
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


def test_on_a_terminal_each_stage_has_a_bar_with_its_latest_words(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    with TerminalMonitor() as monitor:
        monitor.report(Progress("Rendering train clips", 1.0))
        monitor.report(Progress("Training, loss 4.211", 0.1))
        monitor.report(Progress("Training, loss 1.034", 0.5))
    last = capsys.readouterr().err.split("\x1b[2K")[-1]
    assert "Rendering train clips" in last
    assert "Training, loss 1.034" in last
    assert "━" in last


def test_the_terminal_is_left_in_order_after_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        with TerminalMonitor() as monitor:
            monitor.report(Progress("Training, loss 4.211", 0.1))
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        fail()
    assert "Training, loss 4.211" in capsys.readouterr().err
