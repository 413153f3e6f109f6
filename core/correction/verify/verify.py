"""Verification of a corrected file: both files are read again and compared.

A patched copy is compared by `verify.patched_copy`. A file written anew is compared packet by
packet. The plan contributes its promises: streams, delays, spans and layout. Times of the source
are measured anew. Packets are compared here, times and played spans in `verify.timestamps`, retimed
audio in `verify.retimed_audio`, and descriptions of streams in
`core.correction.compatibility.stream_properties`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from av.container import InputContainer

from core.correction.compatibility.stream_properties import OpenedFile, changed_properties
from core.correction.compatibility.tags import changed_tags
from core.correction.plan.moves import Method
from core.correction.plan.opened_source import open_source
from core.correction.plan.plan import ACCEPTED_ERROR_S, CorrectionPlan
from core.correction.verify.patched_copy import PatchCheck, check_bytes, read_times, shift_error_s
from core.correction.verify.retimed_audio import RetimedCheck, audio_name, check_retimed
from core.correction.verify.stream_digest import Reading, Track, read_tracks
from core.correction.verify.timestamps import (
    changed_common_shift,
    changed_spans,
    displaced_streams,
    shift_errors_s,
)
from core.media.formats.output_format import MXF
from core.media.formats.patch import TimePatch
from core.media.reader import open_container
from core.media.stream_kind import TrackKey, stream_keys
from core.progress import SILENT, ByteProgress, Monitor, Unreported

_RECODED = frozenset({Method.RETIMED, Method.DECODED})


@dataclass(frozen=True, slots=True)
class StreamCheck:
    """Comparison of one copied stream.

    Attributes:
        name: The stream of the source.
        digest: BLAKE2b of the source's coded content, as `verify.stream_digest` reads it.
        is_equal: Whether the target holds the same content.
    """

    name: str
    digest: str
    is_equal: bool


@dataclass(frozen=True, slots=True)
class Verification:
    """Result of comparing a corrected file with its source.

    Attributes:
        packets_equal: Whether each copied stream holds the same coded data in the same order.
        shift_error_s: Largest distance of a presentation time from its planned place in seconds,
            over all copied streams, apart from the common shift.
        lost_streams: Names of the missing streams. Data streams that are not copied are not among
            them (`compatibility.stream_plan`).
        changed_metadata: Names of tags and dispositions with an unannounced difference.
            The file may pass with them: muxers write some in their own way.
        differing: Names of all else that differs and may not: codec headers, color, the shape of
            pixels, rotation, times of subtitles, chapters and the like.
        streams: Comparisons of the copied streams.
        retimed: Comparisons of the retimed ones.
        remainder_s: Announced delay of the audio beyond the one asked for, seconds.
        common_s: Measured common shift in seconds. Another one than planned is among `differing`.
        patch: Comparison of the bytes of a patched copy; None for a file written anew.
    """

    packets_equal: bool
    shift_error_s: float
    lost_streams: tuple[str, ...]
    remainder_s: float = 0.0
    changed_metadata: tuple[str, ...] = ()
    differing: tuple[str, ...] = ()
    streams: tuple[StreamCheck, ...] = field(default=(), compare=False)
    retimed: tuple[RetimedCheck, ...] = ()
    common_s: float = field(default=0.0, compare=False)
    patch: PatchCheck | None = None

    @property
    def passed(self) -> bool:
        """Whether the file is as planned."""
        return (
            self.packets_equal
            and self.shift_error_s <= ACCEPTED_ERROR_S
            and not self.lost_streams
            and not self.differing
            and all(check.error_s <= check.accepted_s for check in self.retimed)
        )

    @property
    def largest_error_s(self) -> float:
        """Largest error of any stream, seconds."""
        return max([self.shift_error_s, *(check.error_s for check in self.retimed)])


def verify(plan: CorrectionPlan, file: Path, monitor: Monitor = SILENT) -> Verification:
    """Read a source and its corrected copy again and compare them.

    A patched copy is compared byte by byte, a file written anew packet by packet.

    Args:
        plan: The plan of the copy.
        file: The copy, perhaps still without its name.
        monitor: Told the progress, and asked whether to go on.

    Raises:
        ExportError: One of the files cannot be read to its end.
        MediaError: One of the files cannot be opened.
        Cancelled: The monitor says so.
    """
    if plan.time_patch is not None:
        return _verify_patched(plan, plan.time_patch, file, monitor)
    path, output = plan.source.path, plan.output
    with (
        open_source(plan.source, output) as reader,
        open_container(file, shows_hidden=True) as copy,
    ):
        source_file, copied_file = OpenedFile(path, reader), OpenedFile(file, copy)
        wanted, found = _read_both(source_file, copied_file, plan, monitor)
        kept = {key: track for key, track in wanted.items() if key in found}
        common_s, shift_error_s = shift_errors_s(kept, found, plan)
        recoded = {move.stream_index for move in plan.moves if move.method in _RECODED}
        differing = (
            *changed_common_shift(plan, reader, wanted, common_s),
            *displaced_streams(kept, found, common_s),
            *changed_spans(source_file, wanted, copied_file, found, plan),
            *changed_properties(source_file, copied_file, output, recoded, common_s),
        )
        changed = tuple(changed_tags(reader, copy, output))
        pairs = _retimed_pairs(reader, copy, plan)
    lost = tuple(track.name for key, track in wanted.items() if key not in found)
    lost += tuple(audio_name(plan, index) for index in sorted(plan.retimed - pairs.keys()))
    checks = tuple(_stream_check(track, found[key]) for key, track in kept.items())
    return Verification(
        packets_equal=all(check.is_equal for check in checks),
        shift_error_s=shift_error_s,
        lost_streams=lost,
        remainder_s=0.0 if plan.is_exact else float(plan.remainder_s),
        changed_metadata=changed,
        differing=differing,
        streams=checks,
        common_s=common_s,
        retimed=tuple(
            check_retimed(plan, index, (file, copied), common_s, monitor)
            for index, copied in pairs.items()
        ),
    )


def _verify_patched(
    plan: CorrectionPlan, time_patch: TimePatch, file: Path, monitor: Monitor
) -> Verification:
    patch = time_patch.patch
    is_equal = check_bytes(plan.source.path, patch, file, monitor)
    error_s, n_times = math.inf, 0
    if is_equal:
        error_s, n_times = shift_error_s(plan, read_times(plan, monitor), file, monitor)
    return Verification(
        packets_equal=is_equal,
        shift_error_s=error_s,
        lost_streams=(),
        remainder_s=0.0 if plan.is_exact else float(plan.remainder_s),
        common_s=float(time_patch.common_s),
        patch=PatchCheck(
            n_bytes=patch.n_bytes,
            n_new_bytes=patch.n_new_bytes,
            n_moved_bytes=patch.n_moved_bytes,
            n_ranges=len(patch.edits),
            is_equal=is_equal,
            n_times=n_times,
        ),
    )


def _read_both(
    source: OpenedFile, copy: OpenedFile, plan: CorrectionPlan, monitor: Monitor
) -> tuple[dict[TrackKey, Track], dict[TrackKey, Track]]:
    """Read the copied streams of a source, and all streams of its copy."""
    copied = {item.index for item in plan.streams.copied} - plan.retimed
    wraps = source.reader.format.name != copy.reader.format.name
    stage = "Checking the corrected file"
    progress = ByteProgress(monitor, stage, source.reader.size + copy.reader.size)
    everything = range(len(copy.reader.streams))
    of_source, of_copy = _readings(plan, source.reader, copy.reader)
    if plan.output is MXF:
        # It ends all audio with the video, so the shorter stream decides how much is compared.
        quiet = ByteProgress(Unreported(monitor), stage, 1)
        lengths = read_tracks(copy.reader, copy.path, everything, of_copy, quiet, wraps=wraps)
        copy.reader.seek(0)
        of_source = _limited(of_source, source.reader, lengths)
    wanted = read_tracks(source.reader, source.path, copied, of_source, progress, wraps=wraps)
    if plan.output is MXF:
        of_copy = _limited(of_copy, copy.reader, wanted)
    found = read_tracks(copy.reader, copy.path, everything, of_copy, progress, wraps=wraps)
    return wanted, found


def _stream_check(wanted: Track, found: Track) -> StreamCheck:
    is_equal = wanted.digest == found.digest and found.rest_is_silent
    return StreamCheck(wanted.name, wanted.digest, is_equal)


def _retimed_pairs(
    reader: InputContainer, copy: InputContainer, plan: CorrectionPlan
) -> dict[int, int]:
    """Retimed streams of a copy, by those of the source."""
    copies = dict(stream_keys(copy))
    return {
        stream.index: copies[key].index
        for key, stream in stream_keys(reader)
        if stream.index in plan.retimed and key in copies
    }


def _readings(
    plan: CorrectionPlan, reader: InputContainer, copy: InputContainer
) -> tuple[dict[int, Reading], dict[int, Reading]]:
    """Readings of the audio laid out anew, of the source and of its copy."""
    of_source: dict[int, Reading] = {}
    of_copy: dict[int, Reading] = {}
    copies = dict(stream_keys(copy))
    for key, stream in stream_keys(reader):
        move = plan.move_of(stream.index)
        if move is None or move.method is Method.TIMES:
            continue
        decodes = move.method is Method.DECODED
        of_source[stream.index] = Reading(max(-move.n_units, 0), decodes=decodes)
        if key in copies:
            of_copy[copies[key].index] = Reading(max(move.n_units, 0))
    return of_source, of_copy


def _limited(
    readings: Mapping[int, Reading], reader: InputContainer, others: Mapping[TrackKey, Track]
) -> dict[int, Reading]:
    """Let audio count only as far as the other file has some."""
    return {
        stream.index: replace(readings[stream.index], n_bytes=others[key].n_bytes)
        for key, stream in stream_keys(reader)
        if stream.index in readings and key in others
    }
