"""Plan of a correction: all decisions about the new file, made before anything is written.

`plan` opens the source once. `core.correction.write.write` writes the plan,
`core.correction.verify.verify` compares the file with the source by its promises, and
`core.workflow.export` does both for the user.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

from av.error import FFmpegError

from core.correction.compatibility.color import container_only_colors
from core.correction.compatibility.stream_plan import StreamPlan, plan_streams
from core.correction.compatibility.tags import property_notes, tag_notes
from core.correction.correction import Correction
from core.correction.plan.common_shift import common_shift_s
from core.correction.plan.destination import FileIdentity, identity_of, not_written
from core.correction.plan.edit_lists import lead_s, source_spans, target_spans
from core.correction.plan.hidden_media import exposed_notes, fragment_refusals
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
from core.correction.plan.notes import duration_notes, refusals
from core.correction.plan.opened_source import OpenedSource, open_source, start_time_s
from core.correction.retime.notes import border_notes, place_notes
from core.errors import ExportError
from core.media.formats.mp4_edit_lists import Span
from core.media.formats.output_format import Layout, OutputFormat, output_format
from core.media.formats.truncation import truncation_notes
from core.media.info import MediaInfo
from core.units import seconds_text

ACCEPTED_ERROR_S = Fraction(1, 1000)
"""One tick of Matroska and FLV, the coarsest of the containers that keep times."""


@dataclass(frozen=True, slots=True)
class CorrectionPlan:
    """A corrected file to write.

    Attributes:
        source: The probed source.
        identity: Its size and modification time when it was planned.
        correction: The correction asked for.
        target: The file to be written.
        layout: Place of the index of MP4 and MOV; at the end if None.
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
        n_more_bytes: Upper bound of the growth of the file by uncompressed audio.
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
        """Common shift of all streams in seconds.

        Args:
            retimed_s: First times of the retimed streams, known once they are encoded.
        """
        return common_shift_s(
            self.source.container, self.starts_s, self.correction, retimed_s, self.output
        )

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
    info: MediaInfo, correction: Correction, target: Path, layout: Layout | None = None
) -> CorrectionPlan:
    """Plan a corrected file; nothing is written.

    Args:
        info: The probed source.
        correction: The correction.
        target: The file to be written; its suffix chooses the container.
        layout: Place of the index of MP4 and MOV; at the end if None.

    Raises:
        ExportError: The correction does not fit the source, the source has changed or cannot be
            read, or the target's suffix names no container for it.
        MediaError: The source cannot be opened.
    """
    check_correction(info, correction)
    output = output_format(target, info.container)
    if layout is not None and not output.is_mp4:
        raise ExportError(
            f"The layout {layout} is one of MP4 and MOV; choose a name that ends in .mp4 or .mov.",
            path=info.path,
        )
    identity = identity_of(info.path)
    if identity.size_bytes != info.size_bytes:
        raise _changed(info)
    try:
        with open_source(info, output) as reader:
            source = OpenedSource(info, reader)
            streams = plan_streams(reader, info.path, target)
            moved = plan_moves(reader, info, correction, output)
            spans = source_spans(source, streams, moved.moves)
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
                    *(fragment_refusals(source) if layout is Layout.FRAGMENTED else ()),
                    *refusals(source, streams),
                    *streams.refused,
                    *unencodable(info, moved.moves, target),
                ),
                notes=_notes(source, correction, target, streams, moved, remainder_s),
                starts_s=_starts_s(source, streams),
                spans=target_spans(streams, correction, spans),
                lead_s=lead_s(source, streams, correction, spans),
                n_more_bytes=sum(more_bytes(info, move) for move in moved.moves),
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
) -> tuple[str, ...]:
    info, output = source.info, streams.output
    applied = replace(correction, audio_delay_s=correction.audio_delay_s + remainder_s)
    return (
        *truncation_notes(info),
        *streams.left_out,
        *tag_notes(source.reader, info, target, output),
        *property_notes(
            info, target, output, source.index, loses_color=_loses_color(source, output)
        ),
        *exposed_notes(source, target, output),
        *move_notes(moved.moves, output, info, correction),
        *duration_notes(info, applied, output),
        *place_notes(info, correction, output),
        *border_notes(info, correction),
    )


def _loses_color(source: OpenedSource, output: OutputFormat) -> bool:
    video = source.info.video
    if video is None:
        return False
    stream = source.reader.streams[video.index]
    return container_only_colors(stream, source.packets(video.index), output)
