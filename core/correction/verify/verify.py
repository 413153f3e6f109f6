"""Measuring a corrected file against its source: the same packets, and only one stream moved.

Times are compared in `core.correction.verify.timestamps`, what is stated beside packets in
`core.correction.compatibility.stream_properties`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from av.container import InputContainer

from core.correction.compatibility.stream_properties import OpenedFile, changed_properties
from core.correction.compatibility.tags import changed_tags
from core.correction.correction import Correction
from core.correction.plan.plan import ACCEPTED_ERROR_S, CorrectionPlan, Method, plan_correction
from core.correction.retime.notes import held_span_s
from core.correction.verify.playback_ranges import ReadFile, changed_spans
from core.correction.verify.retimed_audio import PITCH_ERROR_S, find_retimed
from core.correction.verify.stream_digest import CheckProgress, Reading, Track, read_tracks
from core.correction.verify.timestamps import displaced_streams, shift_errors_s
from core.correction.write.common_shift import changed_common_shift
from core.correction.write.edit_list_plan import open_source
from core.media.formats.output_format import MXF
from core.media.info import MediaInfo
from core.media.reader import open_unedited
from core.media.stream_kind import TrackKey, stream_keys
from core.progress import SILENT, Monitor, Progress, Unreported

_RECODED = frozenset({Method.RETIMED, Method.DECODED})


@dataclass(frozen=True, slots=True)
class StreamCheck:
    """What was found of one stream.

    Attributes:
        name: The stream of the source.
        digest: BLAKE2b of the source's coded content, as `verify.stream_digest` reads it.
        is_equal: Whether the target holds the same.
    """

    name: str
    digest: str
    is_equal: bool


@dataclass(frozen=True, slots=True)
class RetimedCheck:
    """What was found of sound that was encoded again.

    Attributes:
        name: The stream of the source.
        coding: How it was to be encoded, in words.
        error_s: Largest distance from where it was to be heard; infinite if it is another sound.
        accepted_s: How large that may be; more where the timestamps of the source are unsteady.
        n_places: At how many places it was measured.
        n_unmeasured: Pieces, moved by themselves, in which it could not be measured.
    """

    name: str
    coding: str
    error_s: float
    accepted_s: float
    n_places: int
    n_unmeasured: int = 0


@dataclass(frozen=True, slots=True)
class Verification:
    """What a corrected file was found to be.

    Attributes:
        packets_equal: Whether each copied stream holds the same coded data in the same order.
        shift_error_s: Largest distance of a presentation time from where the plan puts it, in
            seconds, over all streams that are not retimed, apart from what all have in common.
        lost_streams: Names of the streams that should have been copied and are missing. Data
            streams that are not copied are not among them (`compatibility.stream_plan`).
        changed_metadata: Names of texts and flags that differ, but for those that the plan names as
            lost. They do not keep the file from passing: muxers write some in their own way.
        differing: Names of what else differs and may not: codec headers, colours, the shape of
            pixels, how the picture is turned, times of subtitles, chapters and the like.
        streams: What was found of each stream that is not retimed.
        retimed: What was found of each other one.
        remainder_s: By how much the plan puts the sound later than asked for, where the correction
            allows that.
        common_s: By how much all streams are later than those of the source. Where it is another
            than the plan has, that is named among `differing`.
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

    @property
    def passed(self) -> bool:
        return (
            self.packets_equal
            and self.shift_error_s <= ACCEPTED_ERROR_S
            and not self.lost_streams
            and not self.differing
            and all(check.error_s <= check.accepted_s for check in self.retimed)
        )

    @property
    def largest_error_s(self) -> float:
        """The largest error of any stream."""
        return max([self.shift_error_s, *(check.error_s for check in self.retimed)])


def verify_corrected(
    source: MediaInfo,
    target: Path,
    correction: Correction,
    monitor: Monitor = SILENT,
    written: Path | None = None,
) -> Verification:
    """Read a source and its corrected copy again and compare them packet by packet.

    Args:
        source: The probed source.
        target: What `write_corrected` made of it; its suffix names the container.
        correction: The correction that was asked for.
        monitor: Told the progress, and asked whether to go on.
        written: Where the copy lies, if it does not have its name yet.

    Raises:
        ExportError: One of the files cannot be read to its end.
        MediaError: One of the files cannot be opened.
        Cancelled: The monitor says so.
    """
    plan = plan_correction(source, correction, target)
    written = written or target
    retimed = {move.stream_index for move in plan.moves if move.method is Method.RETIMED}
    with open_source(source, plan) as reader, open_unedited(written) as copy:
        wanted, found = _read_both(reader, copy, (source.path, written), plan, monitor)
        kept = {key: track for key, track in wanted.items() if key in found}
        common_s, shift_error_s = shift_errors_s(kept, found, plan, correction)
        recoded = {move.stream_index for move in plan.moves if move.method in _RECODED}
        files = OpenedFile(source.path, reader), OpenedFile(written, copy)
        output = plan.streams.output
        differing = (
            *changed_common_shift(source, correction, plan, common_s),
            *displaced_streams(kept, found, common_s),
            *changed_spans(
                ReadFile(source.path, reader, wanted),
                ReadFile(written, copy, found),
                plan,
                correction,
            ),
            *changed_properties(*files, output, recoded, common_s),
        )
        changed = tuple(changed_tags(reader, copy, output))
        pairs = _retimed_pairs(reader, copy, retimed)
    lost = tuple(track.name for key, track in wanted.items() if key not in found)
    lost += tuple(_audio_name(source, index) for index in sorted(retimed - pairs.keys()))
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
            _retimed_check(source, written, pair, plan, correction, common_s, monitor)
            for pair in pairs.items()
        ),
    )


def _read_both(
    reader: InputContainer,
    copy: InputContainer,
    paths: tuple[Path, Path],
    plan: CorrectionPlan,
    monitor: Monitor,
) -> tuple[dict[TrackKey, Track], dict[TrackKey, Track]]:
    """Read the copied streams of a source, and all of its copy.

    Args:
        reader: The source.
        copy: Its copy.
        paths: Where they lie, for messages.
        plan: What the copy was to be.
        monitor: Told the progress.
    """
    retimed = {move.stream_index for move in plan.moves if move.method is Method.RETIMED}
    copied = {item.index for item in plan.streams.copied} - retimed
    wraps = reader.format.name != copy.format.name
    progress = CheckProgress(monitor, reader.size + copy.size)
    everything = range(len(copy.streams))
    of_source, of_copy = _readings(plan, reader, copy)
    if plan.streams.output is MXF:
        # It ends all sound with the picture, so the shorter one tells how much there is.
        silent_progress = CheckProgress(Unreported(monitor), 1)
        lengths = read_tracks(copy, paths[1], everything, of_copy, silent_progress, wraps=wraps)
        copy.seek(0)
        of_source = _limited(of_source, reader, lengths)
    wanted = read_tracks(reader, paths[0], copied, of_source, progress, wraps=wraps)
    if plan.streams.output is MXF:
        of_copy = _limited(of_copy, copy, wanted)
    return wanted, read_tracks(copy, paths[1], everything, of_copy, progress, wraps=wraps)


def _stream_check(wanted: Track, found: Track) -> StreamCheck:
    is_equal = wanted.digest == found.digest and found.rest_is_silent
    return StreamCheck(wanted.name, wanted.digest, is_equal)


def _retimed_pairs(
    reader: InputContainer, copy: InputContainer, retimed: Collection[int]
) -> dict[int, int]:
    """Return the streams of a copy that hold retimed sound, by those of the source."""
    copies = dict(stream_keys(copy))
    return {
        stream.index: copies[key].index
        for key, stream in stream_keys(reader)
        if stream.index in retimed and key in copies
    }


def _retimed_check(
    source: MediaInfo,
    written: Path,
    pair: tuple[int, int],
    plan: CorrectionPlan,
    correction: Correction,
    common_s: float,
    monitor: Monitor,
) -> RetimedCheck:
    """Measure one stream; a pair is its index in the source and in the target."""
    monitor.report(Progress("Comparing the retimed sound"))
    of_source, of_target = (source.path, pair[0]), (written, pair[1])
    held_s = held_span_s(source, plan.streams.output)
    found = find_retimed(of_source, of_target, correction, common_s, held_s, monitor)
    move, retiming = plan.move_of(pair[0]), correction.retiming
    is_rough = retiming is not None and retiming.is_rough
    accepted_s = float(PITCH_ERROR_S if is_rough else ACCEPTED_ERROR_S)
    return RetimedCheck(
        _audio_name(source, pair[0]),
        move.coding.words if move is not None and move.coding is not None else "",
        found.error_s,
        max(accepted_s, found.unsteady_s),
        found.n_places,
        found.n_unmeasured,
    )


def _audio_name(source: MediaInfo, index: int) -> str:
    return f"{source.path.name}, stream {index} (audio)"


def _readings(
    plan: CorrectionPlan, reader: InputContainer, copy: InputContainer
) -> tuple[dict[int, Reading], dict[int, Reading]]:
    """Return how the sound that was laid out anew is read from the source and from its copy."""
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
    """Let sound count only as far as there is some in the other file."""
    return {
        stream.index: replace(readings[stream.index], n_bytes=others[key].n_bytes)
        for key, stream in stream_keys(reader)
        if stream.index in readings and key in others
    }
