"""Plan of a correction: all decisions about the new file, made before anything is written.

`plan` opens the source once. `core.correction.write.write` writes the plan,
`core.correction.verify.verify` compares the file with the source by its promises, and
`core.workflow.export` does both for the user.
"""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

from av.error import FFmpegError
from av.stream import Discard

from core.correction.compatibility.color import container_only_colors
from core.correction.compatibility.container_choice import refused_streams, target_format
from core.correction.compatibility.stream_plan import CopiedStream, StreamPlan, plan_streams
from core.correction.compatibility.tags import property_notes, tag_notes
from core.correction.correction import Correction
from core.correction.plan.destination import FileIdentity, identity_of, not_written
from core.correction.plan.moves import (
    Choice,
    Method,
    Move,
    Moves,
    choice_refusal,
    more_bytes,
    move_notes,
    plan_moves,
    unencodable,
)
from core.correction.plan.notes import (
    duration_notes,
    encryption_refusals,
    exposed_notes,
    fragment_refusals,
    refusals,
    unseen_notes,
)
from core.correction.plan.opened_source import OpenedSource, open_source, start_time_s
from core.correction.plan.way import plan_patch
from core.correction.retime.notes import border_notes, place_notes
from core.errors import ExportError
from core.media.formats.contents import Contents, read_contents
from core.media.formats.mp4.edit_lists import Span, read_edit_lists
from core.media.formats.output_format import Layout, OutputFormat, format_of
from core.media.formats.patch import TimePatch, Unpatchable
from core.media.formats.truncation import truncation_notes
from core.media.info import MediaInfo
from core.media.reader import failed_drive
from core.progress import SILENT, Monitor
from core.units import seconds_text

ACCEPTED_ERROR_S = Fraction(1, 1000)
"""One tick of Matroska and FLV, the coarsest of the containers that keep times."""

_LEAST_LEAD_S = Fraction(60)
"""More than the distance of any retimed piece before the audio as a whole."""


@dataclass(frozen=True, slots=True)
class CorrectionPlan:
    """A corrected file to write.

    Attributes:
        source: The probed source.
        identity: Its size and modification time when it was planned.
        correction: The correction asked for.
        target: The file to be written.
        layout: Place of the index of MP4 and MOV; if None, as in the source for a patch, and at the
            end of a file written anew.
        streams: Output format, and the copied, refused and omitted streams.
        moves: Moves of the audio streams.
        remainder_s: Delay of the audio beyond the one asked for, seconds; negative if earlier.
        choices: Ways out where the container cannot carry the exact shift; empty if it can.
        choice_refusal: Sentence asking for one of them; empty if there is none to make, or the
            correction makes it.
        refused: Sentences on why nothing can be written, apart from a choice to make.
        notes: Sentences on other differences from the source.
        starts_s: First presentation times of the copied streams, by index.
        spans: Played spans of the target's tracks, by track number.
        lead_s: Time inserted before the first packet and hidden by the edit lists, seconds.
        n_more_bytes: Upper bound of the growth of the file.
        time_patch: Patch of the source; None for a file written anew, packet by packet.
        anew_reason: Reason to write the file anew, as the end of a sentence; empty for a patch.
    """

    source: MediaInfo
    identity: FileIdentity
    correction: Correction
    target: Path
    layout: Layout | None
    streams: StreamPlan
    moves: tuple[Move, ...] = ()
    remainder_s: Fraction = Fraction(0)
    choices: tuple[Choice, ...] = ()
    choice_refusal: str = ""
    refused: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    starts_s: Mapping[int, Fraction] = field(default_factory=dict)
    spans: Mapping[int, Span | None] = field(default_factory=dict)
    lead_s: Fraction = Fraction(0)
    n_more_bytes: int = 0
    time_patch: TimePatch | None = None
    anew_reason: str = ""

    @property
    def output(self) -> OutputFormat:
        """Container of the target."""
        return self.streams.output

    @property
    def moved_s(self) -> Fraction:
        """Delay of the audio in seconds: the one asked for, and the remainder."""
        return self.correction.audio_delay_s + self.remainder_s

    @property
    def is_possible(self) -> bool:
        """Whether the file can be written."""
        return not self.refused and not self.choice_refusal

    @property
    def is_exact(self) -> bool:
        """Whether the audio gets to its place, to a tick of the container."""
        return not self.choice_refusal and abs(self.remainder_s) <= ACCEPTED_ERROR_S

    @property
    def retimed(self) -> frozenset[int]:
        """Retimed audio streams of the source."""
        return frozenset(m.stream_index for m in self.moves if m.method is Method.RETIMED)

    def move_of(self, stream_index: int) -> Move | None:
        """Move of a stream; None if it is copied with its times."""
        return next((move for move in self.moves if move.stream_index == stream_index), None)

    def common_shift_s(self, retimed_s: Mapping[int, Fraction]) -> Fraction:
        """Common shift of all streams in seconds, invisible to a player.

        MP4 and MOV hide media before time zero. Other containers have no such times: all streams
        move up by the amount that a moved stream would lie below the lowest time of the source.

        Args:
            retimed_s: First times of the retimed streams in the copy, before the common shift;
                known once they are encoded.
        """
        container, output, correction = self.source.container, self.output, self.correction
        moved_s = {
            index: self.starts_s[index] + correction.audio_delay_s
            for index in correction.audio_stream_indices
            if index in self.starts_s
        }
        moved_s |= retimed_s
        lowest_s = min(self.starts_s.values(), default=Fraction(0))
        same_family = container == output.reads_as
        common_s = Fraction(0)
        if container in {"mpegts", "mpeg"} and not same_family:
            # Broadcasts start at any time; other containers would show hours of nothing.
            common_s = -lowest_s
        if output.is_mp4 or not output.keeps_times:
            return common_s
        shifted_s = common_s + min(moved_s.values(), default=lowest_s)
        # The muxer of MPEG-TS takes no times below 0, as they are before a wrap of the counter.
        is_free = same_family and not output.is_mpegts
        allowed_s = min(lowest_s, Fraction(0)) if is_free else Fraction(0)
        shortage_s = allowed_s - min(shifted_s, lowest_s + common_s)
        # Whole milliseconds are whole ticks of Matroska and of MPEG-TS alike.
        return common_s + Fraction(math.ceil(max(shortage_s, Fraction(0)) * 1000), 1000)

    def is_current(self) -> bool:
        """Whether the source is as it was when it was planned.

        Raises:
            ExportError: The source cannot be reached.
        """
        return identity_of(self.source.path) == self.identity

    def check_current(self) -> None:
        """Check for a change of the source since it was planned.

        Raises:
            ExportError: It has changed.
        """
        if not self.is_current():
            raise _changed(self.source)

    def check_possible(self) -> None:
        """Check that nothing is refused and no choice is open.

        Raises:
            ExportError: The file cannot be written.
        """
        if not self.is_possible:
            sentences = [*self.refused, *filter(None, [self.choice_refusal])]
            raise ExportError(sentences[0], path=self.source.path, details="\n".join(sentences))


def plan(
    info: MediaInfo,
    correction: Correction,
    target: Path,
    layout: Layout | None = None,
    *,
    monitor: Monitor = SILENT,
) -> CorrectionPlan:
    """Plan a corrected file; nothing is written.

    A plain shift within a container that keeps times becomes a patch. Everything else is written
    anew, packet by packet.

    Args:
        info: The probed source.
        correction: The correction.
        target: The file to be written; its suffix chooses the container.
        layout: Place of the index of MP4 and MOV; if None, as in the source for a patch, and at the
            end of a file written anew.
        monitor: Asked whether to go on.

    Raises:
        ExportError: The correction does not fit the source, the source has changed or cannot be
            read, or the target's suffix names no container for it.
        MediaError: The source cannot be opened.
        Cancelled: The monitor says so.
    """
    check_correction(info, correction)
    identity = identity_of(info.path)
    if identity.size_bytes != info.size_bytes:
        raise _changed(info)
    try:
        time_patch = plan_patch(info, correction, target, layout, monitor=monitor)
    except Unpatchable as unpatchable:
        return _plan_anew(info, identity, correction, target, layout, unpatchable.reason)
    except OSError as error:
        raise failed_drive(info.path, error) from error
    return patched_plan(info, identity, correction, target, layout, time_patch)


def patched_plan(
    info: MediaInfo,
    identity: FileIdentity,
    correction: Correction,
    target: Path,
    layout: Layout | None,
    time_patch: TimePatch,
) -> CorrectionPlan:
    """Plan of a patch."""
    output = format_of(info.container, target.suffix)
    assert output is not None
    delays_s = time_patch.delays_s
    moves = tuple(Move(index, Method.TIMES, delays_s[index]) for index in sorted(delays_s))
    remainder_s = _remainder_s(correction, moves)
    applied = replace(correction, audio_delay_s=correction.audio_delay_s + remainder_s)
    indices = [video.index for video in info.videos]
    indices += [audio.index for audio in info.audios]
    indices += [other.index for other in info.others]
    copied = tuple(CopiedStream(index, keeps_tag=True) for index in sorted(indices))
    return CorrectionPlan(
        source=info,
        identity=identity,
        correction=correction,
        target=target,
        layout=layout,
        streams=StreamPlan(output, copied, (), ()),
        moves=moves,
        remainder_s=remainder_s,
        notes=(
            *truncation_notes(info),
            *time_patch.notes,
            *duration_notes(info, applied, output),
        ),
        n_more_bytes=max(time_patch.patch.n_bytes - info.size_bytes, 0),
        time_patch=time_patch,
    )


def _plan_anew(
    info: MediaInfo,
    identity: FileIdentity,
    correction: Correction,
    target: Path,
    layout: Layout | None,
    reason: str,
) -> CorrectionPlan:
    """Plan of a file written anew.

    Raises:
        ExportError: As `plan`.
        MediaError: As `plan`.
    """
    output = target_format(info.path, info.container, target)
    if layout is not None and not output.is_mp4:
        raise ExportError(
            f"The layout {layout} is one of MP4 and MOV; choose a name that ends in .mp4 or .mov.",
            path=info.path,
        )
    try:
        with open_source(info, output) as reader:
            source = OpenedSource(info, reader)
            loses_color = info.video is not None and container_only_colors(
                reader.streams[info.video.index], source.packets(info.video.index), output
            )
            moved = plan_moves(reader, info, correction, output)
            recoded = moved.recoded
            if moved.needs_choice:
                # One of the choices encodes that audio again.
                recoded |= frozenset(correction.audio_stream_indices)
            streams = plan_streams(reader, info.path, target, recoded)
            contents = _contents(source)
            spans = _source_spans(source, streams, moved.moves)
            remainder_s = _remainder_s(correction, moved.moves)
            return CorrectionPlan(
                source=info,
                identity=identity,
                correction=correction,
                target=target,
                layout=layout,
                streams=streams,
                moves=moved.moves,
                remainder_s=remainder_s,
                choices=moved.choices,
                choice_refusal=(
                    choice_refusal(info, target, moved.choices) if moved.needs_choice else ""
                ),
                refused=(
                    *encryption_refusals(info, contents),
                    *(fragment_refusals(source) if layout is Layout.FRAGMENTED else ()),
                    *refusals(source, streams),
                    *refused_streams(reader, info.path, streams, recoded),
                    *unencodable(reader, info, moved.moves, target),
                ),
                notes=_notes(
                    source,
                    correction,
                    target,
                    streams,
                    moved,
                    remainder_s,
                    loses_color=loses_color,
                    contents=contents,
                ),
                starts_s=_starts_s(source, streams),
                spans=_target_spans(streams, correction, spans),
                lead_s=_lead_s(source, streams, correction, spans),
                n_more_bytes=sum(more_bytes(info, move) for move in moved.moves),
                anew_reason=reason,
            )
    except (FFmpegError, OSError) as error:
        raise not_written(info, target, error) from error


def check_correction(info: MediaInfo, correction: Correction) -> None:
    """Check that a file has the streams to be moved, and that these stay within the file.

    Raises:
        ExportError: It has not, or they would not.
    """
    name = info.path.name
    known = {stream.index for stream in info.audios}
    for index in correction.audio_stream_indices:
        if index not in known:
            raise ExportError(
                f"{name} has no audio stream {index}; {info.audio_choice}.", path=info.path
            )
    if info.video is None:
        raise ExportError(
            f"{name} has no picture that its sound could be moved against; choose a video file.",
            path=info.path,
        )
    if info.duration_s and abs(correction.audio_delay_s) >= info.duration_s:
        raise ExportError(
            f"A delay of {seconds_text(correction.audio_delay_s)} is as long as {name} "
            f"({seconds_text(info.duration_s)}) or longer; choose a smaller one.",
            path=info.path,
        )


def _changed(info: MediaInfo) -> ExportError:
    return ExportError(
        f"{info.path.name} has changed since it was opened; open it again.", path=info.path
    )


def _remainder_s(correction: Correction, moves: tuple[Move, ...]) -> Fraction:
    moved = [move for move in moves if move.stream_index in correction.audio_stream_indices]
    remainders_s = [move.delay_s - correction.audio_delay_s for move in moved]
    return max(remainders_s, key=abs, default=Fraction(0))


def _starts_s(source: OpenedSource, streams: StreamPlan) -> dict[int, Fraction]:
    """First times of the copied streams in seconds, covers and attachments apart."""
    attached = {video.index for video in source.info.videos if video.is_attached_picture}
    attached |= {other.index for other in source.info.others if other.kind == "attachment"}
    indices = [item.index for item in streams.copied if item.index not in attached]
    if streams.output.keeps_hidden(source.info.container):
        # A copy within the family has no common shift, so no packets need to be read.
        return {index: start_time_s(source.reader.streams[index]) for index in indices}
    return {index: source.earliest_s(index) for index in indices}


def _notes(
    source: OpenedSource,
    correction: Correction,
    target: Path,
    streams: StreamPlan,
    moved: Moves,
    remainder_s: Fraction,
    *,
    loses_color: bool,
    contents: Contents,
) -> tuple[str, ...]:
    info, output = source.info, streams.output
    applied = replace(correction, audio_delay_s=correction.audio_delay_s + remainder_s)
    return (
        *truncation_notes(info),
        *streams.left_out,
        *unseen_notes(info, target, contents),
        *tag_notes(source.reader, info, target, output),
        *property_notes(source.reader, info, target, output, source.index, loses_color=loses_color),
        *exposed_notes(source, target, output),
        *move_notes(moved.moves, output, info, correction),
        *duration_notes(info, applied, output),
        *place_notes(info, correction, output),
        *border_notes(info, correction),
    )


def _contents(source: OpenedSource) -> Contents:
    # The demuxer of MP4 discards tracks that it does not read.
    seen = {stream.id for stream in source.reader.streams if stream.discard != Discard.all}
    return read_contents(source.info.path, source.info.container, seen)


def _source_spans(
    source: OpenedSource, streams: StreamPlan, moves: Collection[Move]
) -> dict[int, Span]:
    """Played spans of the streams with an edit list to follow in MP4 and MOV, by stream index."""
    if not streams.output.keeps_hidden(source.info.container):
        return {}
    of_tracks = read_edit_lists(source.index)
    tracks = {item.index: source.reader.streams[item.index].id for item in streams.copied}
    laid_out_anew = {move.stream_index for move in moves if move.method is not Method.TIMES}
    return {
        index: replace(of_tracks[track], first_s=source.first_times_s(index)[0])
        for index, track in tracks.items()
        if track in of_tracks and index not in laid_out_anew
    }


def _target_spans(
    streams: StreamPlan, correction: Correction, spans: Mapping[int, Span]
) -> dict[int, Span | None]:
    """Played spans of the copy by the track numbers of its muxer; None plays all from time 0."""
    found: dict[int, Span | None] = {}
    for number, item in enumerate(streams.copied, start=1):
        is_moved = item.index in correction.audio_stream_indices
        span = spans.get(item.index)
        found[number] = span.later(correction.audio_delay_s * is_moved) if span else None
    return found


def _lead_s(
    source: OpenedSource, streams: StreamPlan, correction: Correction, spans: Mapping[int, Span]
) -> Fraction:
    """Lead in seconds: all is written later by it, and the edit lists take it back.

    The lead makes the muxer put a pause in front of every track. Without it, a track with a hidden
    head gets no pause where it needs one.
    """
    delays_s = dict.fromkeys(correction.audio_stream_indices, correction.audio_delay_s)
    begins_s = {index: span.begin_s + delays_s.get(index, 0) for index, span in spans.items()}
    if all(begin_s <= 0 for begin_s in begins_s.values()):
        return Fraction(0)
    firsts_s = {
        # The muxer puts no pause in front of frames to be decoded before time zero.
        item.index: source.first_times_s(item.index)[1] + delays_s.get(item.index, 0)
        for item in streams.copied
    }
    if not any(firsts_s[index] <= 0 < begin_s for index, begin_s in begins_s.items()):
        return Fraction(0)
    return _LEAST_LEAD_S + math.ceil(max(-min(firsts_s.values()), Fraction(0)))
