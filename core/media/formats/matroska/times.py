"""Times that Matroska states outside of blocks: duration, cues, chapters, tags (RFC 9559)."""

import re
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from core.media.formats.matroska.ebml import Element, number_bytes
from core.media.formats.matroska.reader import CHAPTERS, CUES, INFO, TAGS, Structure
from core.media.formats.patch import Unpatchable

CUE_POINT, CUE_TIME, CUE_POSITIONS = 0xBB, 0xB3, 0xB7
CUE_TRACK, CUE_CLUSTER, CUE_RELATIVE, CUE_BLOCK_NUMBER = 0xF7, 0xF1, 0xF0, 0x5378
_CUE_REFERENCE, _CUE_CODEC_STATE = 0xDB, 0xEA
_DURATION = 0x4489
_CHAPTER_EDITION, _CHAPTER, _CHAPTER_START, _CHAPTER_END = 0x45B9, 0xB6, 0x91, 0x92
_TAG, _TARGETS, _TRACK_UID, _SIMPLE_TAG = 0x7373, 0x63C0, 0x63C5, 0x67C8
_TAG_NAME, _TAG_STRING = 0x45A3, 0x4487
_CLOCK = re.compile(rb"(\d\d):([0-5]\d):([0-5]\d)\.(\d{9})(\0*)")
_NS = 1_000_000_000
_MAX_HOURS = 99
_FLOATS = {4: ">f", 8: ">d"}


class NoRoom(Exception):
    """A field of fixed width cannot hold its new number."""


@dataclass(frozen=True, slots=True)
class Shift:
    """Change of all times of a file.

    Attributes:
        ticks: Delays of the moved tracks in ticks, by track number.
        raised: Shift of all tracks in ticks.
        ends: Ends of all tracks before the change, ticks, by track number.
        is_fixed: Whether all fields keep their widths.
    """

    ticks: Mapping[int, int]
    raised: int
    ends: Mapping[int, int] = field(default_factory=dict)
    is_fixed: bool = True

    def of(self, track: int) -> int:
        """Find the change of a track's times, ticks."""
        return self.raised + self.ticks.get(track, 0)

    def lengthening(self) -> int:
        """Compute the change of the duration, ticks."""
        if not self.ends:
            return self.raised
        after = max(end + self.of(track) for track, end in self.ends.items())
        return after - max(self.ends.values())


def shift_times(structure: Structure, shift: Shift) -> None:
    """Change the times in the elements of a file.

    Raises:
        NoRoom: A field is too narrow, and all fields keep their widths.
        Unpatchable: An element is damaged or of an unsupported kind.
    """
    for info in structure.elements(INFO):
        for duration in info.children(_DURATION):
            _shift_duration(duration, shift)
    for cues in structure.elements(CUES):
        for point in cues.children(CUE_POINT):
            _shift_cue(point, shift)
    if shift.raised:
        for chapters in structure.elements(CHAPTERS):
            _shift_chapters(chapters, shift, structure.scale_ns)
    for tags in structure.elements(TAGS):
        for tag in tags.children(_TAG):
            _shift_tag(tag, shift, structure)


def set_number(element: Element, number: int, shift: Shift) -> None:
    """Set an unsigned integer.

    Raises:
        NoRoom: The field is too narrow, and all fields keep their widths.
    """
    if shift.is_fixed and number_bytes(number) > len(element.data):
        raise NoRoom
    element.widened(number)


def _shift_duration(duration: Element, shift: Shift) -> None:
    code = _FLOATS.get(len(duration.data))
    if code is None:
        raise Unpatchable("its duration is damaged")
    (ticks,) = struct.unpack(code, duration.data)
    # Not a number, infinite or absurd: left as it is.
    if 0 < ticks < 1 << 60:
        duration.content = struct.pack(code, max(ticks + shift.lengthening(), 0.0))


def _shift_cue(point: Element, shift: Shift) -> None:
    """Shift a cue by the delay of its track; of several tracks, those with another one drop out."""
    time = point.find(CUE_TIME)
    positions = list(point.children(CUE_POSITIONS))
    if time is None or not time.data or not positions:
        raise Unpatchable("an entry of its cues is damaged")
    for entry in positions:
        codec_state = entry.find(_CUE_CODEC_STATE)
        if entry.find(_CUE_REFERENCE) or (codec_state is not None and codec_state.unsigned):
            raise Unpatchable("its cues refer to other places")
        if entry.find(CUE_TRACK) is None or entry.find(CUE_CLUSTER) is None:
            raise Unpatchable("an entry of its cues is damaged")
    changes = [shift.of(_unsigned(entry, CUE_TRACK)) for entry in positions]
    kept = shift.raised if shift.raised in changes else changes[0]
    for entry, change in zip(positions, changes, strict=True):
        if change != kept:
            entry.voided()
    moved = max(time.unsigned + kept, 0)
    if shift.is_fixed:
        # An entry with a time a little too early still leads to its place.
        moved = min(moved, (1 << 8 * len(time.data)) - 1)
    time.widened(moved)


def _shift_chapters(element: Element, shift: Shift, scale_ns: int) -> None:
    for identity in (_CHAPTER_EDITION, _CHAPTER):
        for inner in element.children(identity):
            _shift_chapters(inner, shift, scale_ns)
    for identity in (_CHAPTER_START, _CHAPTER_END):
        for time in element.children(identity):
            # A chapter may begin with the file, before its picture.
            if time.unsigned or identity == _CHAPTER_END:
                set_number(time, time.unsigned + shift.raised * scale_ns, shift)


def _shift_tag(tag: Element, shift: Shift, structure: Structure) -> None:
    """Shift the end of a track as FFmpeg states it in DURATION; mkvmerge's is a true duration."""
    strings = {
        name.data.rstrip(b"\0"): value
        for simple in tag.children(_SIMPLE_TAG)
        if (name := simple.find(_TAG_NAME)) and (value := simple.find(_TAG_STRING))
    }
    tracks = [
        structure.track_uids[uid.unsigned]
        for targets in tag.children(_TARGETS)
        for uid in targets.children(_TRACK_UID)
        if uid.unsigned in structure.track_uids
    ]
    text = strings.get(b"DURATION")
    if not tracks or text is None or b"_STATISTICS_WRITING_APP" in strings:
        return
    clock = _CLOCK.fullmatch(text.data)
    if clock is None:
        return
    hours, minutes, seconds, fraction = (int(group) for group in clock.groups()[:4])
    end_ns = ((hours * 60 + minutes) * 60 + seconds) * _NS + fraction
    text.content = _clock(end_ns + shift.of(tracks[0]) * structure.scale_ns) + clock[5]


def _clock(time_ns: int) -> bytes:
    seconds, fraction = divmod(max(time_ns, 0), _NS)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return b"%02d:%02d:%02d.%09d" % (min(hours, _MAX_HOURS), minutes, seconds, fraction)


def _unsigned(element: Element, identity: int) -> int:
    found = element.find(identity)
    return found.unsigned if found is not None else 0


def cue_entries(structure: Structure) -> Iterable[tuple[Element, Element]]:
    """Yield the points of the cues with each of their positions."""
    for cues in structure.elements(CUES):
        for point in cues.children(CUE_POINT):
            for entry in point.children(CUE_POSITIONS):
                yield point, entry
