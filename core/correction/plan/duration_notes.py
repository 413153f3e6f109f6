"""By how much the length of a corrected file differs, as far as the source tells lengths."""

from collections.abc import Iterator
from fractions import Fraction

from core.correction.correction import Correction
from core.media.formats.output_format import MXF, OutputFormat
from core.media.info import AudioStream, MediaInfo, VideoStream, start_of

_LEAST_S = Fraction(1, 1000)


def length_notes(info: MediaInfo, correction: Correction, output: OutputFormat) -> Iterator[str]:
    """Say how the length of the file will differ."""
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
    # Sound that does not tell its end may last as long as the file.
    last_s = max(ends_s) if is_known else end_s
    later_s = correction.target_of(last_s) - end_s
    if correction.target_of(last_s) > last_s and later_s > _LEAST_S:
        most = "" if is_known else "up to "
        yield f"The file gets {most}{_ms(later_s)} longer, since its sound ends later."
        return
    others: list[VideoStream | AudioStream] = [info.video]
    others += [audio for audio in info.audios if audio not in moved]
    others_s = [end for stream in others if (end := _end_s(stream)) is not None]
    if is_known and len(others_s) == len(others):
        shorter_s = max(last_s, *others_s) - max(correction.target_of(last_s), *others_s)
        if shorter_s > _LEAST_S:
            yield f"The file gets {_ms(shorter_s)} shorter, since its sound ends earlier."


def _head_notes(
    info: MediaInfo, moved: list[AudioStream], correction: Correction, output: OutputFormat
) -> Iterator[str]:
    """Say what happens to sound that comes before the picture, where packets have times."""
    assert info.video is not None
    first_s = min(start_of(audio) for audio in moved)
    before_s = min(start_of(info.video), first_s) - correction.target_of(first_s)
    if before_s > _LEAST_S:
        stream = f"The first {_ms(before_s)} of the sound come before the picture"
        if output.is_mp4:
            yield f"{stream}: they are kept in the file and not played."
        else:
            yield f"{stream}: the file gets longer by as much."


def _mxf_notes(info: MediaInfo, moved: list[AudioStream], correction: Correction) -> Iterator[str]:
    """Say what becomes of the end of the sound, since MXF ends it with the picture."""
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
            yield f"The last {_ms(later_s)} of {stream} are left out: MXF ends with the picture."
        elif later_s < -_LEAST_S:
            yield (
                f"{stream[:1].upper()}{stream[1:]} gets {_ms(later_s)} of silence at its end: MXF "
                "ends sound and picture together."
            )


def _end_s(stream: VideoStream | AudioStream) -> Fraction | None:
    if stream.duration_s is None:
        return None
    return start_of(stream) + Fraction(stream.duration_s)


def _ms(seconds: Fraction) -> str:
    return f"{abs(float(1000 * seconds)):.1f} ms".replace(".0 ms", " ms")
