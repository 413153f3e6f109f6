"""Measuring a corrected file against its source: the same packets, and only one stream moved."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from numpy.typing import NDArray

from core.media.containers import MXF
from core.media.correction import Correction
from core.media.info import MediaInfo
from core.media.losses import changed_texts
from core.media.plan import ACCEPTED_ERROR_S, CorrectionPlan, Method, plan_correction
from core.media.reader import open_container
from core.media.retimed_check import PITCH_ERROR_S, find_retimed
from core.media.retimed_notes import held_span_s
from core.media.tracks import CheckProgress, Reading, Track, TrackKey, read_tracks, stream_keys
from core.progress import SILENT, Monitor, Progress, Unreported


@dataclass(frozen=True, slots=True)
class StreamCheck:
    """What was found of one stream.

    Attributes:
        name: The stream of the source.
        digest: BLAKE2b of the source's coded content, as `core.media.tracks` reads it.
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
            seconds, over all streams that are not retimed; a shift common to all streams does not
            count.
        lost_streams: Names of the streams that should have been copied and are missing. Data
            streams that are not copied are not among them (`core.media.streams`).
        changed_metadata: Names of texts and flags that differ, but for those that the plan names as
            lost. They do not keep the file from passing: muxers write some in their own way.
        streams: What was found of each stream that is not retimed.
        retimed: What was found of each other one.
        remainder_s: By how much the plan puts the sound later than asked for, where the correction
            allows that.
        notes: Sentences from the writing of the file, of sound that could not be kept.
    """

    packets_equal: bool
    shift_error_s: float
    lost_streams: tuple[str, ...]
    remainder_s: float = 0.0
    changed_metadata: tuple[str, ...] = ()
    streams: tuple[StreamCheck, ...] = field(default=(), compare=False)
    retimed: tuple[RetimedCheck, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        return (
            self.packets_equal
            and self.shift_error_s <= ACCEPTED_ERROR_S
            and not self.lost_streams
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
    with open_container(source.path) as reader, _open_unedited(written) as copy:
        retimed = {move.stream_index for move in plan.moves if move.method is Method.RETIMED}
        copied = {item.index for item in plan.streams.copied} - retimed
        wraps = reader.format.name != copy.format.name
        progress = CheckProgress(monitor, reader.size + copy.size)
        everything = range(len(copy.streams))
        read_source, read_copy = _readings(plan, reader, copy)
        if plan.streams.output is MXF:
            # It ends all sound with the picture, so the shorter one tells how much there is.
            silent_progress = CheckProgress(Unreported(monitor), 1)
            lengths = read_tracks(
                copy, written, everything, read_copy, silent_progress, wraps=wraps
            )
            copy.seek(0)
            read_source = _limited(read_source, reader, lengths)
        wanted = read_tracks(reader, source.path, copied, read_source, progress, wraps=wraps)
        if plan.streams.output is MXF:
            read_copy = _limited(read_copy, copy, wanted)
        found = read_tracks(copy, written, everything, read_copy, progress, wraps=wraps)
        changed = tuple(changed_texts(reader, copy, plan.streams.output))
        pairs = _retimed_pairs(reader, copy, retimed)
    lost = tuple(track.name for key, track in wanted.items() if key not in found)
    lost += tuple(_sound_name(source, index) for index in sorted(retimed - pairs.keys()))
    kept = {key: track for key, track in wanted.items() if key in found}
    checks = tuple(
        StreamCheck(
            track.name,
            track.digest,
            track.digest == found[key].digest and found[key].rest_is_silent,
        )
        for key, track in kept.items()
    )
    common_s, shift_error_s = _shift_errors_s(kept, found, plan, correction)
    return Verification(
        packets_equal=all(check.is_equal for check in checks),
        shift_error_s=shift_error_s,
        lost_streams=lost,
        remainder_s=0.0 if plan.is_exact else float(plan.remainder_s),
        changed_metadata=changed,
        streams=checks,
        retimed=tuple(
            _retimed_check(source, written, pair, plan, correction, common_s, monitor)
            for pair in pairs.items()
        ),
    )


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
        _sound_name(source, pair[0]),
        move.coding.words if move is not None and move.coding is not None else "",
        found.error_s,
        max(accepted_s, found.unsteady_s),
        found.n_places,
        found.n_unmeasured,
    )


def _sound_name(source: MediaInfo, index: int) -> str:
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


def _open_unedited(path: Path) -> InputContainer:
    """Open a file so that sound before time zero, which an edit list hides, is read as well."""
    open_container(path).close()
    return av.open(str(path.absolute()), options={"advanced_editlist": "0"})


def _shift_errors_s(
    wanted: Mapping[TrackKey, Track],
    found: Mapping[TrackKey, Track],
    plan: CorrectionPlan,
    correction: Correction,
) -> tuple[float, float]:
    """Return by how much all streams are later, and how far any is from that or from its move."""
    moved: list[NDArray[np.float64]] = []
    still: list[NDArray[np.float64]] = []
    for key, track in wanted.items():
        if key[0] not in {"video", "audio"} or not track.times_s or not found[key].times_s:
            continue
        offsets = np.asarray(found[key].offsets)
        is_between = (offsets >= max(track.offsets[0], 0)) & (offsets <= track.offsets[-1])
        times_s = np.asarray(found[key].times_s)[is_between]
        before_s = np.interp(offsets[is_between], track.offsets, track.times_s)
        move = plan.move_of(track.index)
        if move is not None and move.method is not Method.TIMES:
            moved.append(times_s - before_s - float(move.delay_s))
        elif track.index in correction.audio_stream_indices:
            moved.append(times_s - before_s - float(correction.audio_delay_s))
        else:
            still.append(times_s - before_s)
    if not still or not (moved or correction.retiming):
        return 0.0, math.inf
    others = np.concatenate(still)
    # Ticks of the target round each time, up and down alike.
    common_s = (others.min() + others.max()) / 2
    errors_s = np.abs(np.concatenate([*moved, others]) - common_s)
    return float(common_s), float(errors_s.max())
