"""Places where a label may break a line, and where it must not."""

import re


def unbroken(text: str) -> str:
    """Keep numbers and their units on one line."""
    return re.sub(r"(?<=[\d±]) (?=[\d%]|ms|fps|frame)", "\N{NO-BREAK SPACE}", text)


def breakable(text: str) -> str:
    """Allow line breaks in long paths and names, so that they do not widen a label."""
    return re.sub(r"([/\\]|[^\s/\\]{40})(?=\S)", "\\1\N{ZERO WIDTH SPACE}", text)
