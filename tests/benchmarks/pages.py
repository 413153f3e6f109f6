"""Writing of benchmark tables into pages of the documentation."""

import re
from pathlib import Path


def write_tables(page: Path, marks: tuple[str, str], text: str) -> None:
    """Replace the text between two marks of a page.

    Raises:
        ValueError: The page does not have the marks exactly once.
    """
    begin, end = map(re.escape, marks)
    inside = f"{marks[0]}\n\n{text}\n\n{marks[1]}"
    found, n_found = re.subn(
        f"{begin}.*?{end}", lambda _: inside, page.read_text(), flags=re.DOTALL
    )
    if n_found != 1:
        raise ValueError(f"{page.name} has {n_found} places for the tables, expected 1")
    page.write_text(found)
