"""Line breaks in labels: kept out of numbers, allowed in paths."""

import re


def unbroken(text: str) -> str:
    """Keep numbers and their units on one line."""
    return re.sub(r"(?<=[\d±]) (?=[\d%]|ms|fps|frame)", "\N{NO-BREAK SPACE}", text)


def breakable(text: str) -> str:
    """Allow line breaks in long paths and names, so as not to widen a label."""
    return re.sub(r"([/\\]|[^\s/\\]{40})(?=\S)", "\\1\N{ZERO WIDTH SPACE}", text)
