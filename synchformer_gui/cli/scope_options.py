"""Options for the scope of a detection: part of the clip, early stop, time budget."""

import re
from dataclasses import dataclass
from typing import Annotated

import typer

from core.detection.schedule.budget import LONG_FOR_FAST_S, LONG_S, USUAL_UNTIL_S
from core.timing import parse_delay

StartOption = Annotated[
    str | None,
    typer.Option("--start", metavar="TIME", help="Start of the part to analyze: 83.5 or 1:23.5."),
]
EndOption = Annotated[
    str | None,
    typer.Option("--end", metavar="TIME", help="End of the part to analyze: 95 or 1:35."),
]
UntilOption = Annotated[
    str | None,
    typer.Option(
        "--until",
        metavar="MARGIN",
        help="Stop once the margin of the offset is this narrow: 20ms or 0.02s; 0 analyzes "
        f"everything. The default is {1000 * USUAL_UNTIL_S:g}ms for clips longer than "
        f"{LONG_FOR_FAST_S / 60:g} min ({LONG_S / 60:g} min for a published model on the CPU), "
        "else 0.",
    ),
]
BudgetOption = Annotated[
    str | None,
    typer.Option("--budget", metavar="TIME", help="Longest time for the analysis: 30s or 2:00."),
]

_CLOCK = re.compile(r"(?:(?:(\d+):)?(\d{1,2}):)?(\d+(?:\.\d*)?|\.\d+)\s*s?", re.ASCII)


@dataclass(frozen=True, slots=True)
class ScopeOptions:
    """Scope of a detection, as typed by the user."""

    start: str | None = None
    end: str | None = None
    until: str | None = None
    budget: str | None = None

    @property
    def start_s(self) -> float:
        return seconds(self.start, "--start") or 0.0

    @property
    def end_s(self) -> float | None:
        return seconds(self.end, "--end")

    @property
    def budget_s(self) -> float | None:
        return seconds(self.budget, "--budget")

    @property
    def until_s(self) -> float | None:
        """Margin in seconds; None if not given or 0."""
        if self.until is None:
            return None
        try:
            return float(parse_delay(self.until)) or None
        except ValueError as error:
            raise typer.BadParameter(
                f"{self.until!r} is not a margin; write 20ms or 0.02s", param_hint="--until"
            ) from error

    @property
    def stops_early(self) -> bool:
        return self.until is None


WHOLE = ScopeOptions(until="0")


def seconds(text: str | None, option: str) -> float | None:
    """Read a time: "83.5", "83.5s", "1:23.5" or "1:02:03".

    Raises:
        typer.BadParameter: The text is no time.
    """
    if text is None:
        return None
    match = _CLOCK.fullmatch(text.strip())
    if match is None:
        raise typer.BadParameter(
            f"{text!r} is not a time; write 83.5, 1:23.5 or 1:02:03", param_hint=option
        )
    hours, minutes, rest = (float(part or 0) for part in match.groups())
    return 3600 * hours + 60 * minutes + rest
