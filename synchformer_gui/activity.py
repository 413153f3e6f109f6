"""What a session is busy with; views show it."""

from enum import Enum, auto


class Activity(Enum):
    """What keeps the worker busy on behalf of the open clip."""

    NONE = auto()
    OPENING = auto()
    DETECTING = auto()
    EXPORTING = auto()
    JUDGING_COPY = auto()
    """The corrected file is complete; it is judged again."""
