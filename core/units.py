"""Numbers with their units, rounded for people; the sentences around them are in `wording`."""

from fractions import Fraction
from math import isclose

_LONG_MS = 10_000


def milliseconds(seconds: float) -> int:
    """Round a length of time, sign dropped, to whole milliseconds; halves go up."""
    return int(abs(seconds) * 1000 + 0.5)


def delay_text(delay_s: float | Fraction) -> str:
    """Write a delay, sign dropped, exact to the microsecond: "160 ms", "3.3 ms", "13 s"."""
    exact_ms = round(abs(Fraction(delay_s)) * 1000, 3)
    if delay_s and not exact_ms:
        return "less than 0.001 ms"
    if exact_ms >= _LONG_MS:
        return f"{_plain(exact_ms / 1000)} s"
    return f"{_plain(exact_ms)} ms"


def ms_text(seconds: float | Fraction) -> str:
    """Write a duration without its sign, to a tenth of a millisecond: "8 ms", "0.4 ms"."""
    return f"{abs(float(1000 * seconds)):.1f} ms".replace(".0 ms", " ms")


def seconds_text(seconds: float | Fraction) -> str:
    """Write a duration without its sign, to the millisecond: "5 s", "7.04 s"."""
    return f"{f'{abs(float(seconds)):.3f}'.rstrip('0').rstrip('.')} s"


def frames_text(seconds: float, frame_rate: Fraction) -> str:
    """Write a length of time, sign dropped, in frames: "4 frames", "2.4 frames", "1 frame"."""
    frames = abs(seconds) * float(frame_rate)
    if isclose(frames, round(frames), abs_tol=1e-6):
        return f"{round(frames)} frame{'' if round(frames) == 1 else 's'}"
    return f"{frames:.1f} frames"


def rate_text(frame_rate: Fraction) -> str:
    """Write a frame rate: "25 fps", "23.976 fps"."""
    return f"{round(float(frame_rate), 3):g} fps"


def duration_text(seconds: float) -> str:
    """Write a length of time as a clock does: "0:07", "1:05", "1:02:03"."""
    minutes, rest = divmod(int(seconds + 0.5), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def clock_text(position_s: float) -> str:
    """Write a position to the millisecond: "01:05.040", with hours only where there are any."""
    total_ms = round(position_s * 1000)
    minutes, rest_ms = divmod(total_ms, 60_000)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{minutes:02}:{rest_ms // 1000:02}.{rest_ms % 1000:03}"
    return f"{hours}:{seconds}" if hours else seconds


def size_text(n_bytes: int) -> str:
    """Write the size of a file: "0.3 MB", "950 MB", "1.1 GB"."""
    if n_bytes >= 1e9:
        return f"{n_bytes / 1e9:.1f} GB"
    return f"{n_bytes / 1e6:.0f} MB" if n_bytes >= 1e7 else f"{n_bytes / 1e6:.1f} MB"


def _plain(number: Fraction) -> str:
    """Write a number of microseconds at the finest without zeros at its end."""
    text = f"{float(number):.6f}"
    return text.rstrip("0").rstrip(".")
