"""What ffmpeg, mpv and GStreamer show and play of a file, from its start or after a seek."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from tests.core.correction.write.test_delays import (
    Decoded,
    decode_with_program,
    decode_with_pyav,
)

AUDIBLE = 1e-4
"""Softest sample that counts as sound: a tenth of the hiss that the clips have everywhere."""

LONGEST_S = 120
GSTREAMER = Path(__file__).with_name("gstreamer_reader.py")
QUIET = {
    "check": True,
    "stdout": subprocess.DEVNULL,
    "stderr": subprocess.DEVNULL,
    "timeout": LONGEST_S,
}


class NotPlayed(Exception):
    """A player does not play a file, or without picture or sound."""


@dataclass(frozen=True, slots=True)
class Played:
    """What a player made of a file, on its own clock.

    Attributes:
        flashes_s: Begins of the flashes, one that is cut by the start left out.
        beeps_s: Begins of the beeps.
        gap_s: Time from the first picture to the first sound, 0 where sound comes first.
    """

    flashes_s: NDArray[np.float64]
    beeps_s: NDArray[np.float64]
    gap_s: float

    def offset_s(self, expected_s: float) -> float:
        """Median distance of the beeps after their flashes; near `expected_s`, to tell which."""
        found_s = self.beeps_s[:, None] - self.flashes_s[None] - expected_s
        nearest = np.abs(found_s).argmin(axis=1)
        return expected_s + float(np.median(found_s[np.arange(len(nearest)), nearest]))


def with_ffmpeg(path: Path, folder: Path, seek_s: float | None) -> Decoded:
    before = "" if seek_s is None else f"-ss {seek_s} "
    return decode_with_program(path, 0, folder, before)


def with_mpv(path: Path, folder: Path, seek_s: float | None) -> Decoded:
    """Play into a file of raw pictures and samples; mpv keeps the times of presentation."""
    raw = folder / "mpv.nut"
    command = ["mpv", "--no-config", "--really-quiet", str(path), f"--o={raw}"]
    command += ["--of=nut", "--ovc=rawvideo", "--oac=pcm_s16le"]
    subprocess.run(command + [f"--start={seek_s}"] * (seek_s is not None), **QUIET)
    decoded = decode_with_pyav(raw, 0, folder)
    raw.unlink()
    return decoded


def with_gstreamer(path: Path, folder: Path, seek_s: float | None) -> Decoded:
    saved = folder / "gstreamer.npz"
    command = [sys.executable, str(GSTREAMER), str(path), str(saved)]
    subprocess.run(command + [f"--seek={seek_s}"] * (seek_s is not None), **QUIET)
    with np.load(saved) as file:
        frames, sounds, samples = file["frames"], file["sounds"], file["samples"]
    saved.unlink()
    decoded = Decoded([(float(time), float(luma)) for time, luma in frames], [])
    position = 0
    for time, rate, n_samples in sounds:
        end = position + int(n_samples)
        decoded.sounds.append((float(time), int(rate), samples[position:end]))
        position = end
    return decoded


PLAYERS: dict[str, Callable[[Path, Path, float | None], Decoded]] = {
    "ffmpeg": with_ffmpeg,
    "mpv": with_mpv,
    "GStreamer": with_gstreamer,
}
PROGRAMS = {"ffmpeg": "ffmpeg", "mpv": "mpv", "GStreamer": "gst-launch-1.0"}


def installed() -> list[str]:
    """Names of the players that this machine has."""
    return [name for name, program in PROGRAMS.items() if shutil.which(program)]


def played(player: str, path: Path, folder: Path, seek_s: float | None = None) -> Played:
    """Play a file of flashes and beeps.

    Raises:
        NotPlayed: The player fails, or there is no flash, no beep or no picture.
    """
    try:
        decoded = PLAYERS[player](path, folder, seek_s)
        times_s, lumas = np.array(sorted(decoded.frames)).T
        bright = lumas > (lumas.min() + lumas.max()) / 2
        beeps_s = decoded.beeps_after_first_flash() + times_s[bright][0]
        flashes_s = times_s[1:][bright[1:] & ~bright[:-1]]
        shown_s = min(time for time, _ in decoded.frames)
        heard_s = min(
            time + int(np.argmax(np.abs(samples) > AUDIBLE)) / rate
            for time, rate, samples in decoded.sounds
            if samples.size and np.abs(samples).max() > AUDIBLE
        )
    except (subprocess.SubprocessError, OSError, ValueError, LookupError) as error:
        raise NotPlayed(f"{player} does not play {os.fspath(path)}: {error}") from error
    if not beeps_s.size or not flashes_s.size:
        raise NotPlayed(f"{player} plays no beep or no flash of {os.fspath(path)}")
    return Played(flashes_s, beeps_s, max(0.0, heard_s - shown_s))


def seek_place(path: Path) -> float:
    """Time just after the last key picture of the first half, in seconds after the file's start.

    There a player has the least sound before the place that it is asked for.
    """
    with av.open(str(path)) as container:
        start_s = (container.start_time or 0) / 1_000_000
        keys_s = [
            float(packet.pts * packet.time_base) - start_s
            for packet in container.demux(video=0)
            if packet.is_keyframe and packet.pts is not None and packet.time_base
        ]
        half_s = (container.duration or 0) / 2_000_000
    return round(max([key_s for key_s in keys_s if key_s <= half_s] or keys_s) + 0.005, 3)
