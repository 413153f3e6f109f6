"""Tracks of MP4 and MOV with what decides their times, and their new edit lists."""

from collections.abc import Iterable
from dataclasses import dataclass

from core.media.formats.mp4.edits import (
    Clock,
    ListEdit,
    edit_list_content,
    parse_edits,
    shifted,
    total_length,
)
from core.media.formats.mp4.place import Change
from core.media.formats.mp4.pointers import numbers
from core.media.formats.mp4.tree import Node, Tree
from core.media.formats.patch import Unpatchable


@dataclass(frozen=True, slots=True)
class Track:
    """A track.

    Attributes:
        number: Track ID.
        box: Its box (``trak``).
        header: Its header (``tkhd``).
        clock: Ticks per second.
        n_media: Length of the media in ticks of the track; 0 if unknown.
        length: Position and size of its length in the file.
        is_open: Whether more media than in the index may follow, in fragments.
    """

    number: int
    box: Node
    header: Node
    clock: Clock
    n_media: int
    length: tuple[int, int]
    is_open: bool = False


def movie_header(tree: Tree) -> Node:
    """Header of the movie.

    Raises:
        Unpatchable: There is none, or the index is compressed.
    """
    if tree.root.named(b"cmov"):
        raise Unpatchable("its index is compressed")
    header = tree.root.find(b"mvhd")
    if header is None:
        raise Unpatchable("its index has no header")
    return header


def read_tracks(tree: Tree) -> dict[int, Track]:
    """Read all tracks, by ID.

    Raises:
        Unpatchable: Headers are missing or damaged, or two tracks have one ID.
    """
    header = movie_header(tree)
    movie_hz = tree.field(header, 20 if tree.version(header) else 12, 4)
    tracks: dict[int, Track] = {}
    for box in tree.root.named(b"trak"):
        track = _track(tree, box, movie_hz)
        if track.number in tracks:
            raise Unpatchable(f"two of its tracks have the number {track.number}")
        tracks[track.number] = track
    return tracks


def edits_of(tree: Tree, track: Track) -> list[ListEdit]:
    """Edit list of a track; without one, all media from time zero on.

    Raises:
        Unpatchable: The list is damaged.
    """
    box = track.box.find(b"edts", b"elst")
    edits = parse_edits(tree.bytes_at(box.content, box.end)) if box else []
    # A list without entries plays everything, as none at all.
    return edits or [ListEdit(0 if track.is_open else _whole(track), 0)]


def shift_changes(tree: Tree, track: Track, ticks: int) -> tuple[list[Change], int]:
    """Changes of the index that move a track in time.

    Args:
        tree: The index.
        track: The track.
        ticks: Delay in ticks of the track.

    Returns:
        The changes, and the new length of the track in ticks of the movie; 0 if unknown.

    Raises:
        Unpatchable: Its edit list is damaged, or nothing would be played any more.
    """
    edits = shifted(edits_of(tree, track), ticks, track.clock, track.n_media)
    changes = [list_change(tree, track, edits)]
    length = total_length(edits, track.clock, track.n_media)
    changes += length_changes(tree, track.length, length)
    return changes, length


def list_change(tree: Tree, track: Track, edits: list[ListEdit]) -> Change:
    """Change of an edit list, and of padding behind it; both keep their size if they can.

    Args:
        tree: The index.
        track: The track.
        edits: Its new edits.
    """
    holder, old = track.box.find(b"edts"), track.box.find(b"edts", b"elst")
    root = tree.root
    if old is None or holder is None:
        new = _box(b"elst", edit_list_content(edits, is_long=False))
        if holder is not None:
            return Change(holder.content, holder.content, new, (root, track.box, holder))
        behind = track.header.end
        return Change(behind, behind, _box(b"edts", new), (root, track.box))
    is_long = bool(tree.field(old, 0, 1))
    content = edit_list_content(edits, is_long)
    flags = tree.bytes_at(old.content + 1, old.content + 4)
    new = _box(b"elst", content[:1] + flags + content[4:])
    end = old.end
    for child in holder.children[holder.children.index(old) + 1 :]:
        if not child.is_padding:
            break
        end = child.end
    left = end - old.begin - len(new)
    if left >= 8:
        new += _box(b"free", bytes(left - 8))
    return Change(old.begin, end, new, (root, track.box, holder))


def length_changes(tree: Tree, place: tuple[int, int], length: int) -> Iterable[Change]:
    """Yield the change of a length in a header, where it is known.

    Args:
        tree: The index.
        place: Position and size of the number in the file.
        length: New length; 0 if unknown.
    """
    begin, n_bytes = place
    old, unknown = known_length(tree, place), (1 << 8 * n_bytes) - 1
    if old and length:
        yield Change(begin, begin + n_bytes, min(length, unknown).to_bytes(n_bytes, "big"))


def known_length(tree: Tree, place: tuple[int, int]) -> int:
    """Length in a header; 0 if unknown."""
    begin, n_bytes = place
    length = int.from_bytes(tree.bytes_at(begin, begin + n_bytes), "big")
    return 0 if length == (1 << 8 * n_bytes) - 1 else length


def movie_length_changes(
    tree: Tree, tracks: Iterable[Track], lengths: dict[int, int]
) -> Iterable[Change]:
    """Yield the change of the length of the movie: that of the longest track.

    Args:
        tree: The index.
        tracks: All tracks.
        lengths: New lengths by track ID.
    """
    header = movie_header(tree)
    place = _place_of_length(tree, header, 16, 24)
    longest = max(
        (lengths.get(track.number, 0) or known_length(tree, track.length) for track in tracks),
        default=0,
    )
    yield from length_changes(tree, place, longest)


def _track(tree: Tree, box: Node, movie_hz: int) -> Track:
    header, media = box.find(b"tkhd"), box.find(b"mdia", b"mdhd")
    if header is None or media is None:
        raise Unpatchable("one of its tracks has no header")
    number = tree.field(header, 20 if tree.version(header) else 12, 4)
    track_hz = tree.field(media, 20 if tree.version(media) else 12, 4)
    if not movie_hz or not track_hz:
        raise Unpatchable("a clock in its index has no rate")
    n_media = known_length(tree, _place_of_length(tree, media, 16, 24))
    n_media = n_media or _ticks_of_samples(tree, box)
    length = _place_of_length(tree, header, 20, 28)
    return Track(number, box, header, Clock(movie_hz, track_hz), n_media, length)


def _ticks_of_samples(tree: Tree, track: Node) -> int:
    """Duration of all samples in the index (ISO/IEC 14496-12, 8.6.1.2)."""
    box = track.find(b"mdia", b"minf", b"stbl", b"stts")
    if box is None:
        return 0
    begin = box.content + 8
    end = begin + 8 * tree.field(box, 4, 4)
    if end > box.end:
        raise Unpatchable("the table of times of a track is damaged")
    counts, ticks = numbers(tree.bytes_at(begin, end), 4).reshape(-1, 2).T
    return int(sum((counts * ticks).tolist()))


def _place_of_length(tree: Tree, box: Node, short: int, long: int) -> tuple[int, int]:
    is_long = tree.version(box)
    offset, n_bytes = (long, 8) if is_long else (short, 4)
    tree.field(box, offset, n_bytes)
    return box.content + offset, n_bytes


def _whole(track: Track) -> int:
    """Length of all media in ticks of the movie, rounded up."""
    return -int(-track.clock.to_movie(track.n_media) // 1)


def _box(name: bytes, content: bytes) -> bytes:
    return (8 + len(content)).to_bytes(4, "big") + name + content
