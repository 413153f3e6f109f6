"""Corrections from detections, sync maps and known rate errors."""

from fractions import Fraction

from core.correction.correction import Correction, Inexact
from core.correction.retiming import Retiming
from core.detection.result import Detection
from core.detection.sync_map import MapKind, SyncMap
from core.errors import ExportError
from core.media.info import MediaInfo, clip_start
from core.timing import delay_for

_LARGEST_DENOMINATOR = 1_000_000
"""Keeps known ratios such as 1001/1000 exact, and others to a millionth."""


def detected_correction(
    detection: Detection,
    audio_stream_indices: tuple[int, ...],
    inexact: Inexact | None = None,
    *,
    keeps_pitch: bool = False,
) -> Correction:
    """Correction of a detected offset.

    Args:
        detection: The detection.
        audio_stream_indices: Streams of the container to correct, all alike.
        inexact: Fallback where the container cannot carry the exact shift.
        keeps_pitch: As in `retiming_correction`.

    Raises:
        ExportError: The offset jumps, and the pieces are too short for their moves.
    """
    if detection.changing_map is not None:
        return retiming_correction(detection, audio_stream_indices, keeps_pitch=keeps_pitch)
    return Correction(audio_stream_indices, delay_for(detection.estimate.offset_s), inexact)


def retiming_correction(
    detection: Detection, audio_stream_indices: tuple[int, ...], *, keeps_pitch: bool = False
) -> Correction:
    """Correction of an offset that drifts or jumps.

    Args:
        detection: The detection.
        audio_stream_indices: Streams of the container to correct, all alike.
        keeps_pitch: Whether stretched audio keeps its pitch. After a wrong rate the pitch is wrong
            too, and correct without it.

    Raises:
        ValueError: The offset does not change.
        ExportError: The pieces are too short for their moves.
    """
    if detection.changing_map is None:
        raise ValueError("expected an offset that drifts or jumps, got a constant one")
    video = next(v for v in detection.info.videos if v.index == detection.video_stream_index)
    audio = next(a for a in detection.info.audios if a.index == detection.audio_stream_index)
    found, start_s = detection.changing_map, clip_start(video, audio)
    try:
        return map_correction(found, audio_stream_indices, start_s, keeps_pitch=keeps_pitch)
    except ValueError as error:
        path = detection.info.path
        raise ExportError(
            f"The pieces of {path.name} between jumps are too short to be moved so far; "
            "cut it there and correct the parts.",
            path=path,
            details=str(error),
        ) from error


def map_correction(
    found: SyncMap,
    audio_stream_indices: tuple[int, ...],
    clip_start_s: Fraction,
    *,
    keeps_pitch: bool = False,
) -> Correction:
    """Correction of a sync map.

    Args:
        found: The map.
        audio_stream_indices: Streams of the container to correct.
        clip_start_s: Clip time 0 on the container's own timeline.
        keeps_pitch: As in `retiming_correction`.

    Raises:
        ValueError: The pieces are too short for their moves.
    """
    if found.kind is MapKind.DRIFT:
        ratio = Fraction(found.stretch).limit_denominator(_LARGEST_DENOMINATOR)
        retiming = Retiming.stretched(ratio, clip_start_s, keeps_pitch=keeps_pitch)
        return Correction(audio_stream_indices, delay_for(found.delay_s), retiming=retiming)
    if found.kind is MapKind.CONSTANT:
        return Correction(audio_stream_indices, delay_for(found.pieces[0].start_offset_s))
    delays_s = [delay_for(piece.start_offset_s) for piece in found.pieces]
    changes_s = [clip_start_s + delay_for(piece.span.start_s) for piece in found.pieces[1:]]
    return Correction(
        audio_stream_indices, Fraction(0), retiming=Retiming.moved(delays_s, changes_s)
    )


def stretch_correction(
    info: MediaInfo,
    audio_stream_indices: tuple[int, ...],
    ratio: Fraction,
    delay_s: Fraction,
    *,
    keeps_pitch: bool = False,
) -> Correction:
    """Correction of a known rate error; the start of the clip stays in place.

    Args:
        info: The probed clip, with video and the streams.
        audio_stream_indices: Streams of the container to correct.
        ratio: Stretch factor of their audio.
        delay_s: Delay after the stretch, seconds.
        keeps_pitch: As in `retiming_correction`.
    """
    audio = next(a for a in info.audios if a.index == audio_stream_indices[0])
    start_s = clip_start(info.video, audio) if info.video else Fraction(0)
    retiming = Retiming.stretched(ratio, start_s, keeps_pitch=keeps_pitch)
    return Correction(audio_stream_indices, delay_s, retiming=retiming)
