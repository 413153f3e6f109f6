"""Notes about retimed audio: cuts, added silence, damage and clipping."""

import math
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise

from core.correction.correction import Correction
from core.media.formats.output_format import MXF, OutputFormat
from core.media.info import AudioStream, MediaInfo, start_of
from core.units import ms_text

_LEAST_S = Fraction(1, 1000)


def held_span_s(info: MediaInfo, output: OutputFormat) -> tuple[float, float]:
    """Time in which the target can play audio, begin and end in seconds.

    Containers without timestamps begin at 0. MP4 hides audio before 0; other containers shift all
    streams. MXF ends with the video.

    Args:
        info: The probed source.
        output: Container of the target.
    """
    begin_s = 0.0 if output.is_mp4 or not output.keeps_times else -math.inf
    video = info.video
    if output is not MXF or video is None or video.duration_s is None:
        return begin_s, math.inf
    return begin_s, video.start_s + video.duration_s


def place_notes(info: MediaInfo, correction: Correction, output: OutputFormat) -> Iterator[str]:
    """Yield notes about silence and cuts at the ends of audio if packets have no timestamps."""
    if correction.retiming is None or output.keeps_times:
        return
    moved = [audio for audio in info.audios if audio.index in correction.audio_stream_indices]
    for audio in moved:
        yield from _end_notes(info, audio, correction, output)


def border_notes(info: MediaInfo, correction: Correction) -> Iterator[str]:
    """Yield notes about audio cut out and silence put in at jumps of the offset.

    Times are those of the new file, from the start of the source's video.
    """
    if correction.retiming is None:
        return
    moved = [audio for audio in info.audios if audio.index in correction.audio_stream_indices]
    begin_s = min(map(start_of, moved), default=Fraction(0))
    video_start_s = start_of(info.video) if info.video is not None else Fraction(0)
    duration_s = info.duration_s or math.inf
    for before, after in pairwise(correction.retiming.pieces):
        assert before.end_s is not None
        assert after.begin_s is not None
        change_s = before.target_of(before.end_s)
        is_heard = begin_s < after.begin_s and float(before.end_s - begin_s) < duration_s
        changes = []
        if (cut_s := after.begin_s - max(before.end_s, begin_s)) >= _LEAST_S:
            changes.append(f"{ms_text(cut_s)} of the sound are cut out")
        if (silence_s := after.target_of(after.begin_s) - change_s) >= _LEAST_S:
            changes.append(f"{ms_text(silence_s)} of silence are put in")
        if is_heard and changes:
            time_s = float(change_s + correction.audio_delay_s - video_start_s)
            yield f"At {time_s:.1f} s, where the offset jumps, {' and '.join(changes)}."


def _end_notes(
    info: MediaInfo, audio: AudioStream, correction: Correction, output: OutputFormat
) -> Iterator[str]:
    stream = f"Stream {audio.index} of {info.path.name} (audio)"
    name = output.name.upper()
    start_s = start_of(audio)
    first_s = correction.target_of(start_s)
    if first_s >= _LEAST_S:
        silence = f"{ms_text(first_s)} of silence in front of it"
        yield f"{stream} gets {silence}, since {name} has no timestamps."
    if first_s <= -_LEAST_S:
        yield f"{stream} loses its first {ms_text(first_s)}, before the beginning of the picture."
    _, end_s = held_span_s(info, output)
    if audio.duration_s is None or math.isinf(end_s):
        return
    later_s = correction.target_of(start_s + Fraction(audio.duration_s)) - Fraction(end_s)
    if later_s >= _LEAST_S:
        yield f"{stream} loses its last {ms_text(later_s)}, since {name} ends with the picture."
    if later_s <= -_LEAST_S:
        silence = f"{ms_text(later_s)} of silence after it"
        yield f"{stream} gets {silence}, since {name} ends with the picture."


def damage_notes(stream: str, n_damaged: int, n_clipped: int) -> tuple[str, ...]:
    """Notes about audio that could not be kept; empty if there are none.

    Args:
        stream: Name of the audio for messages.
        n_damaged: Number of packets that could not be decoded, or not wholly.
        n_clipped: Number of samples of the target above full scale.
    """
    notes = []
    if n_damaged:
        pieces = "1 piece" if n_damaged == 1 else f"{n_damaged} pieces"
        are = "is" if n_damaged == 1 else "are"
        notes.append(f"{pieces} of {stream} {are} damaged; undecodable parts became silence.")
    if n_clipped:
        samples = "1 sample" if n_clipped == 1 else f"{n_clipped} samples"
        were = "was" if n_clipped == 1 else "were"
        notes.append(f"{samples} of {stream} came out louder than full scale and {were} clipped.")
    return tuple(notes)
