"""Retimed audio measured with the ffmpeg program, with independent demuxers and decoders."""

import re
import shutil
import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from core.correction.correction import Correction
from core.correction.retiming import Retiming
from core.media.info import MediaInfo
from core.media.probe import probe
from tests.core.correction.steps import write_corrected

pytestmark = pytest.mark.skipif(not shutil.which("ffmpeg"), reason="the ffmpeg program is missing")

ACCEPTED_S = 0.001
ROUNDED_S = 0.001 + 1.5 / 48000
"""In Matroska: the program derives all timestamps from the first one, rounded to 1 ms."""

CHANGE_S = 3.0
RATE_HZ = 48000
KINDS = {
    "mp4": ("libx264", "aac"),
    "mov": ("libx264", "pcm_s24le"),
    "mkv": ("libx264", "libopus"),
    "ts": ("libx264", "ac3"),
    "avi": ("mpeg4", "pcm_s16le"),
}
ROWS = [
    pytest.param(kind, change, marks=() if kind in default else pytest.mark.slow)
    for change, default in [(1.001, ["mp4"]), (0.96, []), (0.5, ["ts"]), (-0.5, ["mkv"])]
    for kind in KINDS
]


def offset_at(change: float) -> Callable[[float], float]:
    """Offset corrected by a stretch by a ratio or, below 0.9, by a jump of so many seconds."""
    if change > 0.9:
        return lambda time_s: time_s - time_s / change
    return lambda time_s: -change / 2 if time_s < CHANGE_S else change / 2


def repairing(info: MediaInfo, change: float) -> Correction:
    start_s = Fraction(info.videos[0].start_s)
    if change > 0.9:
        retiming = Retiming.stretched(Fraction(change).limit_denominator(1000), start_s)
    else:
        half_s = Fraction(change) / 2
        retiming = Retiming.moved([-half_s, half_s], [start_s + Fraction(CHANGE_S)])
    return Correction((1,), Fraction(0), retiming=retiming)


def ffmpeg(path: Path, options: str) -> subprocess.CompletedProcess[bytes]:
    command = ["ffmpeg", "-nostdin", "-copyts", "-i", str(path), *options.split()]
    return subprocess.run(command, check=True, capture_output=True)


def flashes_s(path: Path) -> NDArray[np.float64]:
    log = ffmpeg(path, "-map 0:v:0 -vf showinfo -f null -").stderr.decode()
    found = re.findall(r"showinfo.*pts_time:(\S+).*mean:\[(\d+)", log)
    times_s, lumas = np.array(found, float).T
    is_bright = lumas > (lumas.min() + lumas.max()) / 2
    return times_s[is_bright & ~np.concatenate([[False], is_bright[:-1]])]


def beeps_s(path: Path) -> NDArray[np.float64]:
    """Times of beeps, with timestamps honoured from time 0 on."""
    options = f"-map 0:a:0 -af aresample=async=1:first_pts=0 -ar {RATE_HZ} -ac 1 -f f32le -"
    samples = np.frombuffer(ffmpeg(path, options).stdout, np.float32)
    loud = np.flatnonzero(np.abs(samples) > 0.25) / RATE_HZ
    return loud[np.diff(loud, prepend=-np.inf) > 0.3]


@pytest.mark.parametrize(("kind", "change"), ROWS)
def test_the_program_hears_beeps_with_their_flashes(
    kind: str, change: float, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    info = probe(
        make_clip(
            f"clip.{kind}",
            video_codec=KINDS[kind][0],
            audio_codec=KINDS[kind][1],
            rate_hz=RATE_HZ,
            n_channels=2 if kind == "ts" else 1,
            size=(96, 80),
            duration_s=6.0,
            offset_s=offset_at(change),
        )
    )
    target = tmp_path / f"out.{kind}"
    write_corrected(info, target, repairing(info, change))

    beeps, flashes = beeps_s(target), flashes_s(target)
    if change < 0.9:
        # A beep at the change may be cut, or lie in what is left out.
        beeps = beeps[np.abs(beeps - flashes[0] + 0.5 - CHANGE_S) > 0.5]
    errors_s = np.abs(beeps[:, None] - flashes[None]).min(axis=1)
    accepted_s = ROUNDED_S if kind == "mkv" else ACCEPTED_S
    assert errors_s.size >= 4
    assert np.median(errors_s) < accepted_s
    # A codec's noise in front of one beep may cross the threshold too early.
    assert np.sort(errors_s)[-2] < accepted_s
