"""Patches: another file described by its differences from a source.

A patch lists the byte ranges of the source that are replaced. All other bytes stay as they are, in
their order. `core.media.formats` makes patches that change the times of audio,
`core.correction.write.apply_patch` writes them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple


class Unpatchable(Exception):
    """The structure of a file allows no patch.

    Args:
        reason: Why not, as the end of a sentence: "its index is compressed".
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ByteRange(NamedTuple):
    """A range of bytes of the source, from `begin` up to, not including, `end`."""

    begin: int
    end: int


class Edit(NamedTuple):
    """Replacement of a range of the source.

    Attributes:
        begin: First replaced byte of the source.
        end: End of the replaced bytes; equal to `begin` for an insertion.
        content: New bytes, or the range of the source that is copied there.
    """

    begin: int
    end: int
    content: bytes | ByteRange

    @property
    def n_bytes(self) -> int:
        """Size of the new content."""
        if isinstance(self.content, bytes):
            return len(self.content)
        return self.content.end - self.content.begin


@dataclass(frozen=True, slots=True)
class Patch:
    """Differences of a file from its source.

    Attributes:
        source_bytes: Size of the source.
        edits: Replacements in ascending order, without overlaps. Insertions at one position come in
            the order of the list.

    Raises:
        ValueError: The edits overlap, are out of order or reach outside the source.
    """

    source_bytes: int
    edits: tuple[Edit, ...]

    def __post_init__(self) -> None:
        position, size = 0, self.source_bytes
        for edit in self.edits:
            begin, end, content = edit
            if not position <= begin <= end <= size:
                raise ValueError(
                    f"expected an edit within {position} to {size}, got {begin} to {end}"
                )
            if isinstance(content, ByteRange) and not 0 <= content.begin <= content.end <= size:
                raise ValueError(f"expected a range within {size} bytes, got {content}")
            position = end

    @property
    def n_bytes(self) -> int:
        """Size of the new file."""
        return self.source_bytes + sum(e.n_bytes - (e.end - e.begin) for e in self.edits)

    @property
    def n_new_bytes(self) -> int:
        """Number of bytes in the new file from elsewhere than the source."""
        return sum(len(edit.content) for edit in self.edits if isinstance(edit.content, bytes))

    @property
    def n_moved_bytes(self) -> int:
        """Number of bytes of the source at another place among the others."""
        return sum(edit.n_bytes for edit in self.edits if isinstance(edit.content, ByteRange))

    @property
    def keeps_positions(self) -> bool:
        """Whether kept bytes stay at their positions; the end of the file may grow or shrink."""
        return all(
            edit.n_bytes == edit.end - edit.begin or edit.end == self.source_bytes
            for edit in self.edits
        )

    @property
    def fits_in_place(self) -> bool:
        """Whether the source itself can be patched: positions stay, and nothing is moved."""
        return self.keeps_positions and not self.n_moved_bytes

    def pieces(self) -> Iterator[bytes | ByteRange]:
        """Yield the new file in order: kept ranges of the source, and new bytes."""
        position = 0
        for edit in self.edits:
            if position < edit.begin:
                yield ByteRange(position, edit.begin)
            if edit.n_bytes:
                yield edit.content
            position = edit.end
        if position < self.source_bytes:
            yield ByteRange(position, self.source_bytes)


@dataclass(frozen=True, slots=True)
class TimePatch:
    """A patch that changes the times of streams.

    Attributes:
        patch: The patch.
        delays_s: Delays as written, by the keys of the request; rounded to ticks of the container.
        common_s: Shift of all streams in seconds, where a time would be negative otherwise. Delays
            of the moved streams come on top.
        way: How the times were changed, as a part of a sentence: "times in the index".
        notes: Sentences on what else changes for a player.
    """

    patch: Patch
    delays_s: Mapping[int, Fraction]
    common_s: Fraction = Fraction(0)
    way: str = ""
    notes: tuple[str, ...] = field(default=())
