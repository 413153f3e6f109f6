import pytest

from core.progress import Progress
from training.terminal import TerminalMonitor


def test_each_stage_has_a_bar_with_its_latest_words(capsys: pytest.CaptureFixture[str]) -> None:
    with TerminalMonitor() as monitor:
        monitor.report(Progress("Rendering train clips", 1.0))
        monitor.report(Progress("Training, loss 4.211", 0.1))
        monitor.report(Progress("Training, loss 1.034", 0.5))
        monitor.report(Progress("Calibrating"))
        monitor.check()
    shown = capsys.readouterr()
    assert shown.out == ""
    lines = [line.split("  ")[0].split(" ━")[0].strip() for line in shown.err.splitlines()]
    assert [line for line in lines if line] == [
        "Rendering train clips",
        "Training, loss 1.034",
        "Calibrating",
    ]


def test_the_terminal_is_left_in_order_after_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        with TerminalMonitor() as monitor:
            monitor.report(Progress("Training, loss 4.211", 0.1))
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        fail()
    assert "Training, loss 4.211" in capsys.readouterr().err
