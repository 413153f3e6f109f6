"""How much of a clip is judged: the options for a part, a margin to stop at, a time to spend."""

import re
from dataclasses import dataclass
from typing import Annotated

import typer

from core.detection.schedule.budget import LONG_FOR_FAST_S, LONG_S, USUAL_UNTIL_S
from core.timing import parse_delay

StartOption = Annotated[
    str | None,
    typer.Option("--start", metavar="TIME", help="Judge the clip from here on: 83.5 or 1:23.5."),
]
EndOption = Annotated[
    str | None,
    typer.Option("--end", metavar="TIME", help="Judge the clip up to here: 95 or 1:35."),
]
UntilOption = Annotated[
    str | None,
    typer.Option(
        "--until",
        metavar="MARGIN",
        help="Stop as soon as the margin is so narrow: 20ms or 0.02s; 0 judges everything. Unless "
        f"told otherwise, clips longer than {LONG_FOR_FAST_S / 60:g} min, or than {LONG_S / 60:g} "
        "min where a published model runs on the CPU, are left at "
        f"{1000 * USUAL_UNTIL_S:g}ms.",
    ),
]
BudgetOption = Annotated[
    str | None,
    typer.Option(
        "--budget", metavar="TIME", help="Answer by what was judged within this time: 30s or 2:00."
    ),
]

_CLOCK = re.compile(r"(?:(?:(\d+):)?(\d{1,2}):)?(\d+(?:\.\d*)?|\.\d+)\s*s?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Extent:
    """How much of a clip is judged, as the user wrote it."""

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
        """None if not given, or if everything is to be judged."""
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


WHOLE = Extent(until="0")


def seconds(text: str | None, option: str) -> float | None:
    """Read a time as people write it: "83.5", "83.5s", "1:23.5" or "1:02:03".

    Raises:
        typer.BadParameter: It is none.
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
