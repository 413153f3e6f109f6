"""What a player hears and sees of a corrected file: container by codec by delay by stream.

`pytest tests/core/correction/write/test_delays.py -m "slow or not slow" --delay-table FILE` runs
all of it and writes the errors as a table.
"""

import re
import shutil
import subprocess
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from core.correction.correction import Correction, Inexact
from core.media.formats.output_format import Layout
from core.media.info import MediaInfo
from core.media.probe import probe
from tests.core.correction.steps import plan_correction, verify_corrected, write_corrected

DELAYS_MS = (-2000, -160, -7, 7, 160, 2000)


class Kind(NamedTuple):
    """What a clip is made of; codecs by the names of their encoders."""

    suffix: str
    video: str
    audio: str
    rate_hz: int = 48000
    target: str = ""
    """Suffix of the corrected file, where it is another one."""
    inexact: Inexact | None = None
    layout: Layout | None = None

    @property
    def name(self) -> str:
        return f"{self.video}-{self.audio}{self.suffix}"

    @property
    def containers(self) -> str:
        names = [self.suffix, self.target] if self.target else [self.suffix]
        containers = " to ".join(name[1:].upper() for name in names)
        way = self.inexact or self.layout
        return f"{containers}, {way}" if way else containers

    @property
    def sounds(self) -> tuple[int, ...]:
        """How many audio streams the clips have; FLV takes one."""
        return (1,) if ".flv" in (self.suffix, self.target) else (1, 2)


KINDS = [
    Kind(".mp4", "libx264", "aac"),
    Kind(".mp4", "libx264", "aac", 44100),
    Kind(".mp4", "libx265", "ac3"),
    Kind(".mp4", "libx264", "libmp3lame"),
    Kind(".mp4", "libx264", "flac"),
    Kind(".mp4", "libvpx-vp9", "libopus"),
    Kind(".mp4", "mpeg4", "mp2"),
    Kind(".mp4", "libx264", "alac"),
    Kind(".m4v", "libx264", "aac"),
    Kind(".mov", "libx264", "aac"),
    Kind(".mov", "libx264", "pcm_s16le"),
    Kind(".mov", "prores_ks", "pcm_s24le"),
    Kind(".mov", "mpeg2video", "pcm_s16be", 44100),
    Kind(".mkv", "libx264", "aac"),
    Kind(".mkv", "libx265", "eac3"),
    Kind(".mkv", "libx264", "ac3"),
    Kind(".mkv", "libx264", "flac"),
    Kind(".mkv", "libx264", "libmp3lame", 44100),
    Kind(".mkv", "mpeg2video", "mp2"),
    Kind(".mkv", "libx264", "pcm_s16le"),
    Kind(".mkv", "libvpx-vp9", "libopus"),
    Kind(".mkv", "libvpx", "vorbis"),
    Kind(".webm", "libvpx-vp9", "libopus"),
    Kind(".webm", "libvpx", "vorbis", 44100),
    Kind(".ts", "libx264", "aac"),
    Kind(".ts", "libx265", "ac3"),
    Kind(".ts", "mpeg2video", "mp2"),
    Kind(".ts", "libx264", "libmp3lame"),
    Kind(".m2ts", "libx264", "ac3"),
    Kind(".m2ts", "mpeg2video", "mp2"),
    Kind(".mp4", "libx264", "aac", layout=Layout.FASTSTART),
    Kind(".mp4", "libx264", "aac", layout=Layout.FRAGMENTED),
    Kind(".mov", "prores_ks", "pcm_s24le", layout=Layout.FRAGMENTED),
    Kind(".flv", "libx264", "aac", 44100),
    Kind(".flv", "flv1", "libmp3lame", 44100),
    Kind(".avi", "mpeg4", "pcm_s16le"),
    Kind(".avi", "libx264", "pcm_u8", 22050),
    Kind(".avi", "mpeg4", "libmp3lame", inexact=Inexact.REENCODE),
    Kind(".avi", "mpeg4", "ac3", inexact=Inexact.REENCODE),
    Kind(".avi", "mpeg4", "libmp3lame", inexact=Inexact.NEAREST),
    Kind(".avi", "libx264", "ac3", inexact=Inexact.NEAREST),
    Kind(".avi", "mpeg4", "mp2", inexact=Inexact.NEAREST),
    Kind(".mxf", "mpeg2video", "pcm_s16le"),
    Kind(".mxf", "mpeg2video", "pcm_s24le"),
    Kind(".mp4", "libx264", "aac", target=".mkv"),
    Kind(".mp4", "libx264", "aac", target=".ts"),
    Kind(".mkv", "libx264", "aac", target=".mp4"),
    Kind(".mkv", "libx264", "libopus", target=".mp4"),
    Kind(".ts", "libx264", "aac", target=".mp4"),
    Kind(".ts", "libx264", "mp2", target=".mkv"),
    Kind(".avi", "mpeg4", "libmp3lame", target=".mkv"),
    Kind(".avi", "mpeg4", "ac3", target=".mov"),
    Kind(".avi", "mpeg4", "pcm_s16le", target=".mov"),
    Kind(".flv", "libx264", "aac", 44100, target=".mp4"),
    Kind(".mxf", "mpeg2video", "pcm_s16le", target=".mov"),
]

TICK_S = {".mkv": 0.001, ".webm": 0.001, ".flv": 0.001}
"""Where the container's own time is coarser than a sample; MPEG-TS counts 90000 a second."""


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """What a reader made of a file.

    Pictures are (time, mean luma), sounds (time, rate, samples).
    """

    frames: list[tuple[float, float]]
    sounds: list[tuple[float, int, NDArray[np.float32]]]

    def beeps_after_first_flash(self) -> NDArray[np.float64]:
        """Return when the beeps begin, in seconds after the first flash."""
        lumas = [luma for _, luma in self.frames]
        threshold = (min(lumas) + max(lumas)) / 2
        flash_s = next(time for time, luma in self.frames if luma > threshold)
        times = np.concatenate([t + np.arange(len(s)) / rate for t, rate, s in self.sounds])
        loud = times[np.abs(np.concatenate([s for _, _, s in self.sounds])) > 0.15]
        return loud[np.diff(loud, prepend=-np.inf) > 0.3] - flash_s


def decode_with_pyav(path: Path, audio: int, folder: Path) -> Decoded:
    """Decode with the library; `audio` counts audio streams."""
    decoded = Decoded([], [])
    resampler = av.AudioResampler(format="flt", layout="mono")
    with av.open(str(path)) as container:
        streams = container.streams.video[0], container.streams.audio[audio]
        for frame in container.decode(*streams):
            if isinstance(frame, av.VideoFrame):
                luma = frame.to_ndarray(format="gray").mean()
                decoded.frames.append((frame.time or 0.0, float(luma)))
            elif isinstance(frame, av.AudioFrame):
                start_s = frame.time or 0.0
                samples = resampler.resample(frame)[0].to_ndarray()[0]
                decoded.sounds.append((start_s, frame.rate, samples))
    return decoded


def decode_with_program(path: Path, audio: int, folder: Path, before: str = "") -> Decoded:
    """Decode with the ffmpeg program, whose demuxers and decoders are another version's.

    `before` are options of the input, such as "-ss 5 ".
    """
    raw = folder / "sound.raw"
    command = f"ffmpeg -nostdin -y -threads 1 -copyts {before}-i {path} "
    command += "-map 0:v:0 -vf showinfo -f null - "
    command += f"-map 0:a:{audio} -af ashowinfo -ac 1 -f f32le {raw}"
    result = subprocess.run(command.split(), check=True, capture_output=True, text=True)
    frames = [
        (float(time), float(luma))
        for time, luma in re.findall(r"showinfo.*pts_time:(\S+).*mean:\[(\d+)", result.stderr)
    ]
    samples = np.fromfile(raw, np.float32)
    decoded = Decoded(frames, [])
    position = 0
    frames = re.findall(r"ashowinfo.*pts_time:(\S+).* rate:(\d+) nb_samples:(\d+)", result.stderr)
    for time, rate, n_samples in frames:
        end = position + int(n_samples)
        decoded.sounds.append((float(time), int(rate), samples[position:end]))
        position = end
    return decoded


READERS = {"PyAV": decode_with_pyav}
if shutil.which("ffmpeg"):
    READERS["program"] = decode_with_program


@dataclass(frozen=True, slots=True)
class Case:
    """One correction: of the first of one audio stream, or of the second of two."""

    kind: Kind
    delay_ms: int
    n_audio: int

    @property
    def name(self) -> str:
        kind = self.kind
        way = kind.inexact or kind.layout or "exact"
        return f"{kind.name}{kind.target}-{way}-{kind.rate_hz}-{self.n_audio}-{self.delay_ms}"


def cases() -> Iterator[object]:
    """All corrections; by default two of each container run, with all delays in turn."""
    n_seen: Counter[str] = Counter()
    for number, kind in enumerate(KINDS):
        n_seen[kind.containers] += 1
        for n_audio in kind.sounds:
            for place, delay_ms in enumerate(DELAYS_MS):
                is_turn = n_audio == kind.sounds[-1] and place == number % len(DELAYS_MS)
                case = Case(kind, delay_ms, n_audio)
                is_default = is_turn and n_seen[kind.containers] <= 2
                marks = () if is_default else pytest.mark.slow
                yield pytest.param(case, id=case.name, marks=marks)


@pytest.fixture(scope="module")
def clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clips")


@pytest.fixture
def clip(make_clip: Callable[..., Path], clip_folder: Path) -> Callable[[Case], MediaInfo]:
    """Return a function that makes the source of a case, once for all cases that share it."""

    def make(case: Case) -> MediaInfo:
        kind = case.kind
        path = clip_folder / f"{case.n_audio}-{kind.rate_hz}-{kind.name}"
        if not path.exists():
            rendered = make_clip(
                kind.name,
                audio_codec=kind.audio,
                video_codec=kind.video,
                rate_hz=kind.rate_hz,
                size=(96, 80),
                duration_s=4.5,
                n_audio=case.n_audio,
                n_channels=1 + (kind.audio in {"ac3", "vorbis"}),
            )
            shutil.move(rendered, path)
        return probe(path)

    return make


@pytest.fixture(scope="module")
def heard_before() -> dict[tuple[Path, int, str], NDArray[np.float64]]:
    """The beeps of the sources, by file, sound and reader."""
    return {}


@pytest.fixture(scope="module")
def table(request: pytest.FixtureRequest) -> Iterator[dict[tuple[Kind, int], dict[int, float]]]:
    """The largest error of each case in ms, written out at the end if that was asked for."""
    errors_ms: dict[tuple[Kind, int], dict[int, float]] = defaultdict(dict)
    yield errors_ms
    target = request.config.getoption("--delay-table")
    if target is not None:
        target.write_text("\n".join(table_lines(errors_ms)) + "\n")


def table_lines(errors_ms: dict[tuple[Kind, int], dict[int, float]]) -> Iterator[str]:
    delays = " | ".join(f"{delay_ms:+d} ms" for delay_ms in DELAYS_MS)
    yield f"| container | video, audio | stream moved | {delays} |"
    yield "|---|---|---|" + "---:|" * len(DELAYS_MS)
    for (kind, n_audio), row in errors_ms.items():
        errors = " | ".join(f"{row[d]:.3f}" if d in row else "" for d in DELAYS_MS)
        codecs = f"{kind.video}, {kind.audio} {kind.rate_hz / 1000:g} kHz"
        stream = "second of two" if n_audio == 2 else "first of one"
        yield f"| {kind.containers} | {codecs} | {stream} | {errors} |"


@pytest.mark.parametrize("case", list(cases()))
def test_the_sound_is_heard_where_it_was_to_go(
    case: Case,
    clip: Callable[[Case], MediaInfo],
    heard_before: dict[tuple[Path, int, str], NDArray[np.float64]],
    table: dict[tuple[Kind, int], dict[int, float]],
    tmp_path: Path,
) -> None:
    info = clip(case)
    suffix = case.kind.target or case.kind.suffix
    target = tmp_path / f"out{suffix}"
    moved = case.n_audio - 1
    correction = Correction(
        (info.audios[moved].index,), Fraction(case.delay_ms, 1000), case.kind.inexact
    )
    remainder_s = float(plan_correction(info, correction, target).remainder_s)
    write_corrected(info, target, correction, layout=case.kind.layout)
    assert verify_corrected(info, target, correction, layout=case.kind.layout).passed

    tick_s = max(TICK_S.get(name, 0.0) for name in (case.kind.suffix, suffix))
    accepted_s = tick_s + 1.5 / case.kind.rate_hz
    worst_s = 0.0
    for reader, decode in READERS.items():
        for audio in range(case.n_audio):
            key = (info.path, audio, reader)
            if key not in heard_before:
                heard_before[key] = decode(info.path, audio, tmp_path).beeps_after_first_flash()
            delay_s = case.delay_ms / 1000 + remainder_s if audio == moved else 0.0
            after = decode(target, audio, tmp_path).beeps_after_first_flash() - delay_s
            errors_s = np.abs(after[:, None] - heard_before[key][None]).min(axis=1)
            # Where the start of the file cuts into a beep, that beep alone seems to be elsewhere.
            assert (errors_s <= accepted_s).sum() >= 2, f"{reader}, sound {audio}: {errors_s}"
            worst_s = max(worst_s, float(np.median(errors_s)))
    table[case.kind, case.n_audio][case.delay_ms] = 1000 * worst_s
    assert worst_s <= accepted_s
