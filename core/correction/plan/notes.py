"""Sentences of a plan about the file: refusals, and notes on hidden media and on the duration."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from core.correction.compatibility.container_choice import container_advice, keeping_advice
from core.correction.compatibility.stream_plan import StreamPlan
from core.correction.correction import Correction
from core.correction.plan.opened_source import OpenedSource
from core.media.formats.contents import Contents
from core.media.formats.mp4.edit_lists import n_edits, read_edit_lists
from core.media.formats.output_format import MXF, OutputFormat
from core.media.info import AudioStream, MediaInfo, VideoStream, start_of
from core.units import ms_text

_LEAST_S = Fraction(1, 1000)

_N_PACKETS_SEARCHED = 4096


def unseen_notes(info: MediaInfo, target: Path, contents: Contents) -> Iterator[str]:
    """Notes on parts of the source that FFmpeg does not copy."""
    for part in contents.unseen_parts:
        yield f"{target.name} will lack {part}, found in {info.path.name}."


def encryption_refusals(info: MediaInfo, contents: Contents) -> Iterator[str]:
    """Refusals of encrypted sources, whose packets cannot be decoded without their container."""
    if contents.is_encrypted:
        yield (
            f"{info.path.name} is encrypted, which a file written anew cannot carry; decrypt it "
            "first."
        )


def refusals(source: OpenedSource, streams: StreamPlan) -> Iterator[str]:
    """Refusals of sources with packets unfit for a copy in the target.

    Args:
        source: The open source.
        streams: Streams of the copy.
    """
    name = source.info.path.name
    count = n_edits(source.index) if source.info.container.startswith("mov") else 0
    if count > 1:
        # Packets are stored in another order than they are played.
        yield (
            f"{name} is put together from {count} pieces by an edit list, which a copy of its "
            "packets cannot follow; export it from an editor as a new file and correct that."
        )
    if not streams.output.keeps_times:
        yield from _late_streams(source, streams)


def _late_streams(source: OpenedSource, streams: StreamPlan) -> Iterator[str]:
    """Refusals of streams with a start after time 0, the start of all in a file without times.

    The demuxer of AVI states a start of 0 for all of them; only packets have the true one.
    """
    name = source.info.path.name
    copied = {item.index for item in streams.copied}
    for stream in (*source.reader.streams.video, *source.reader.streams.audio):
        if stream.index not in copied:
            continue
        packets = source.first_times(stream.index, within=_N_PACKETS_SEARCHED)
        starts_s = (p.dts * p.time_base for p in packets if p.dts is not None)
        start_s = next(starts_s, Fraction(0))
        if start_s > 0:
            yield (
                f"Stream {stream.index} of {name} ({stream.type}) begins "
                f"{float(1000 * start_s):.0f} ms late, but would begin at once in another "
                f"{streams.output.name.upper()} file; "
                f"{container_advice(source.reader, source.info.path)}."
            )


PRIMING_S = Fraction(12, 100)
"""More than the silent priming and padding of any codec; HE-AAC has the most."""

_FRAME_S = Fraction(1, 100)
"""Less than one frame; durations in edit lists are rounded."""

_ROUNDED_S = Fraction(2, 1000)
"""More than one tick of the times in edit lists, mostly 1/1000 or 1/600 s."""


def fragment_refusals(source: OpenedSource) -> Iterator[str]:
    """Refusals of hidden media, shown by players of a file in fragments.

    Its edit lists cannot end a played span, and FFmpeg hides no video by them. Priming and padding
    of audio do not count. Even a part of a frame counts at the head of a video: FFmpeg shows the
    first frame later than other players, but not in fragments.

    Args:
        source: The source, opened with its hidden media.
    """
    info = source.info
    if not info.container.startswith("mov"):
        return
    spans = read_edit_lists(source.index)
    streams: list[VideoStream | AudioStream] = [*info.videos, *info.audios]
    for stream in streams:
        track = source.reader.streams[stream.index]
        span = spans.get(track.id)
        packet = next(source.first_times(stream.index), None)
        if span is None or packet is None or packet.pts is None:
            continue
        first_s = packet.pts * packet.time_base
        end_s = first_s + (track.duration or 0) * (track.time_base or 0)
        head_s, tail_s = span.begin_s - first_s, end_s - (span.end_s or end_s)
        is_video = isinstance(stream, VideoStream)
        least_head_s, least_tail_s = (_ROUNDED_S, _FRAME_S) if is_video else (PRIMING_S, PRIMING_S)
        if head_s > least_head_s or tail_s > least_tail_s:
            yield (
                f"{info.path.name} hides {float(max(head_s, tail_s)):.2f} s of stream "
                f"{stream.index} ({'video' if is_video else 'audio'}) by an edit list, which a "
                "file in fragments would show; choose another layout."
            )


def exposed_notes(source: OpenedSource, target: Path, output: OutputFormat) -> Iterator[str]:
    """Notes on hidden media of the source, shown in the target."""
    info = source.info
    if output.is_mp4 or info.video is None or not info.container.startswith("mov"):
        return
    advice = keeping_advice(source.reader, info.path, (".mp4", ".mov"))
    advice = f"{advice} to keep it hidden." if advice else "."
    for audio in info.audios:
        before_s = start_of(audio) - source.earliest_s(audio.index)
        if before_s > PRIMING_S:
            yield (
                f"{info.path.name} hides {ms_text(before_s)} of sound before the beginning of "
                f"stream {audio.index}, which {target.name} will let be heard{advice}"
            )
    before_s = start_of(info.video) - source.earliest_s(info.video.index)
    behind_s = _exposed_tail_s(source, info.video.index)
    for hidden_s, place in ((before_s, "before its beginning"), (behind_s, "behind its end")):
        if hidden_s > 0:
            yield (
                f"{info.path.name} hides {ms_text(hidden_s)} of picture {place}, which "
                f"{target.name} will show{advice}"
            )


def _exposed_tail_s(source: OpenedSource, stream_index: int) -> Fraction:
    """Hidden media after the played span, read by FFmpeg up to a key frame; seconds."""
    stream = source.reader.streams[stream_index]
    entries = stream.index_entries
    shown = [entry.timestamp for entry in entries if not entry.is_discard]
    last = max((entry.timestamp for entry in entries), default=0)
    return (last - max(shown, default=last)) * (stream.time_base or Fraction(1))


def duration_notes(info: MediaInfo, correction: Correction, output: OutputFormat) -> Iterator[str]:
    """Notes on a longer or shorter file, as far as the source states durations."""
    moved = [audio for audio in info.audios if audio.index in correction.audio_stream_indices]
    if info.video is None or not moved:
        return
    if output is MXF:
        yield from _mxf_notes(info, moved, correction)
        return
    if output.keeps_times:
        yield from _head_notes(info, moved, correction, output)
    start_s = min(start_of(info.video), *(start_of(audio) for audio in info.audios))
    end_s = start_s + Fraction(info.duration_s)
    ends_s = [end for audio in moved if (end := _end_s(audio)) is not None]
    is_known = len(ends_s) == len(moved)
    # Audio of unknown duration may last as long as the file.
    last_s = max(ends_s) if is_known else end_s
    later_s = correction.target_of(last_s) - end_s
    if correction.target_of(last_s) > last_s and later_s > _LEAST_S:
        most = "" if is_known else "up to "
        yield f"The file gets {most}{ms_text(later_s)} longer, since its sound ends later."
        return
    others: list[VideoStream | AudioStream] = [info.video]
    others += [audio for audio in info.audios if audio not in moved]
    others_s = [end for stream in others if (end := _end_s(stream)) is not None]
    if is_known and len(others_s) == len(others):
        shorter_s = max(last_s, *others_s) - max(correction.target_of(last_s), *others_s)
        if shorter_s > _LEAST_S:
            yield f"The file gets {ms_text(shorter_s)} shorter, since its sound ends earlier."


def _head_notes(
    info: MediaInfo, moved: list[AudioStream], correction: Correction, output: OutputFormat
) -> Iterator[str]:
    """Notes on audio before the video, in containers with times."""
    assert info.video is not None
    first_s = min(start_of(audio) for audio in moved)
    before_s = min(start_of(info.video), first_s) - correction.target_of(first_s)
    if before_s > _LEAST_S:
        stream = f"The first {ms_text(before_s)} of the sound come before the picture"
        if output.is_mp4:
            yield f"{stream}: they are kept in the file and not played."
        else:
            yield f"{stream}: the file gets longer by as much."


def _mxf_notes(info: MediaInfo, moved: list[AudioStream], correction: Correction) -> Iterator[str]:
    """Notes on the end of the audio, since MXF ends it with the video."""
    assert info.video is not None
    video_end_s = _end_s(info.video)
    for audio in moved:
        end_s = _end_s(audio)
        if video_end_s is None or end_s is None:
            yield "MXF ends with the picture: sound after it is left out, missing sound is silence."
            return
        later_s = correction.target_of(end_s) - video_end_s
        stream = f"stream {audio.index} of {info.path.name} (audio)"
        if later_s > _LEAST_S:
            tail = ms_text(later_s)
            yield f"The last {tail} of {stream} are left out: MXF ends with the picture."
        elif later_s < -_LEAST_S:
            yield (
                f"{stream[:1].upper()}{stream[1:]} gets {ms_text(later_s)} of silence at its end: "
                "MXF ends sound and picture together."
            )


def _end_s(stream: VideoStream | AudioStream) -> Fraction | None:
    if stream.duration_s is None:
        return None
    return start_of(stream) + Fraction(stream.duration_s)
