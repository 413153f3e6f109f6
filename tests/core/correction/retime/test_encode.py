"""Drifts and jumps repaired with the known map, measured as a player would hear and see them."""

import tracemalloc
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from core.correction.correction import Correction
from core.correction.retiming import Retiming
from core.errors import Cancelled, ExportError
from core.media.info import MediaInfo
from core.media.probe import probe
from core.progress import Progress
from tests.core.correction.steps import plan_correction, verify_corrected, write_corrected

DELAY_S = Fraction(-120, 1000)
DURATION_S = 6.0
ACCEPTED_S = 0.001
CHANGE_S = 3.0

KINDS = {
    "mp4-aac": (".mp4", "libx264", "aac", 48000, 1),
    "mkv-opus": (".mkv", "libx264", "libopus", 48000, 1),
    "mov-pcm": (".mov", "libx264", "pcm_s24le", 48000, 2),
    "ts-ac3": (".ts", "libx264", "ac3", 48000, 6),
    "mkv-mp3": (".mkv", "libx264", "libmp3lame", 44100, 2),
    "mkv-vorbis": (".mkv", "libx264", "vorbis", 48000, 2),
    "mp4-flac": (".mp4", "libx264", "flac", 48000, 1),
    "flv-aac": (".flv", "flv1", "aac", 44100, 1),
    "avi-pcm": (".avi", "mpeg4", "pcm_s16le", 48000, 1),
    "mxf-pcm": (".mxf", "mpeg2video", "pcm_s16le", 48000, 1),
}
DEFAULT_KINDS = ("mp4-aac", "mkv-opus", "mov-pcm", "ts-ac3", "mp4-flac")
JUMPING_KINDS = ("ts-ac3", "mp4-flac")
MARKED_KINDS = [
    pytest.param(kind, marks=() if kind in DEFAULT_KINDS else pytest.mark.slow) for kind in KINDS
]
MARKED_JUMPS = [
    pytest.param(kind, marks=() if kind in JUMPING_KINDS else pytest.mark.slow) for kind in KINDS
]

Heard = tuple[NDArray[np.float64], NDArray[np.float64]]


@pytest.fixture
def clip(make_clip: Callable[..., Path]) -> Callable[..., MediaInfo]:
    """Return a function that makes a clip of a kind with an offset over time."""

    def make(kind: str, offset_s: Callable[[float], float], **options: object) -> MediaInfo:
        suffix, video_codec, audio_codec, rate_hz, n_channels = KINDS[kind]
        settings: dict[str, object] = {
            "video_codec": video_codec,
            "audio_codec": audio_codec,
            "rate_hz": rate_hz,
            "n_channels": n_channels,
            "size": (96, 80),
            "duration_s": DURATION_S,
            "offset_s": offset_s,
        }
        return probe(make_clip(f"clip{suffix}", **(settings | options)))

    return make


@pytest.fixture
def beeps_and_flashes() -> Callable[[Path], Heard]:
    """Return a function for the start times of beeps and flashes of a file, in seconds."""

    def decode(path: Path) -> Heard:
        sounds, times, frames = [], [], []
        with av.open(str(path)) as container:
            for frame in container.decode(container.streams.video[0], container.streams.audio[0]):
                if isinstance(frame, av.VideoFrame):
                    frames.append((frame.time, frame.to_ndarray(format="gray").mean()))
                elif isinstance(frame, av.AudioFrame):
                    resampler = av.AudioResampler("fltp", frame.layout, frame.rate)
                    samples = resampler.resample(frame)[0].to_ndarray()[0]
                    sounds.append(samples)
                    times.append(frame.time + np.arange(samples.size) / frame.rate)
        loud = np.concatenate(times)[np.abs(np.concatenate(sounds)) > 0.25]
        lumas = np.array([luma for _, luma in frames])
        is_bright = lumas > (lumas.min() + lumas.max()) / 2
        is_first = is_bright & ~np.concatenate([[False], is_bright[:-1]])
        flashes = np.array([time for time, _ in frames])[is_first]
        return loud[np.diff(loud, prepend=-np.inf) > 0.3], flashes

    return decode


def errors_s(heard: Heard) -> NDArray[np.float64]:
    """Distance of each beep from its flash."""
    beeps, flashes = heard
    return np.abs(beeps[:, None] - flashes[None]).min(axis=1)


def drifting(ratio: Fraction) -> Callable[[float], float]:
    """Offset over time, corrected by a stretch by the ratio and then `DELAY_S`."""
    return lambda time_s: time_s - (time_s - float(DELAY_S)) / float(ratio)


def stretching(info: MediaInfo, ratio: Fraction, **options: bool) -> Correction:
    retiming = Retiming.stretched(ratio, Fraction(0), **options)
    return Correction((info.audios[0].index,), DELAY_S, retiming=retiming)


def jumping(before_s: float, after_s: float) -> Callable[[float], float]:
    return lambda time_s: before_s if time_s < CHANGE_S else after_s


@pytest.mark.parametrize("kind", MARKED_KINDS)
def test_a_known_drift_is_repaired(
    kind: str,
    clip: Callable[..., MediaInfo],
    beeps_and_flashes: Callable[[Path], Heard],
    tmp_path: Path,
) -> None:
    ratio = Fraction(1001, 1000)
    info = clip(kind, drifting(ratio))
    target = tmp_path / f"out{info.path.suffix}"
    if info.container in {"mpegts"}:
        # The clip begins at 1.4 s, where the stretch has to begin as well.
        start_s = Fraction(probe(info.path).videos[0].start_s)
        correction = Correction(
            (info.audios[0].index,), DELAY_S, retiming=Retiming.stretched(ratio, start_s)
        )
    else:
        correction = stretching(info, ratio)
    write_corrected(info, target, correction)

    found = errors_s(beeps_and_flashes(target))
    # A codec's noise in front of a beep may cross the threshold too early.
    assert np.median(found) <= ACCEPTED_S
    assert np.sort(found)[-2] <= ACCEPTED_S
    verified = verify_corrected(info, target, correction)
    assert verified.passed
    assert verified.retimed[0].n_places > 0
    assert verified.retimed[0].error_s <= ACCEPTED_S
    assert not verified.changed_metadata


@pytest.mark.parametrize("kind", MARKED_JUMPS)
@pytest.mark.parametrize(("before_s", "after_s"), [(0.3, -0.2), (-0.2, 0.3)])
def test_known_jumps_are_repaired(
    kind: str,
    before_s: float,
    after_s: float,
    clip: Callable[..., MediaInfo],
    beeps_and_flashes: Callable[[Path], Heard],
    tmp_path: Path,
) -> None:
    info = clip(kind, jumping(before_s, after_s))
    start_s = Fraction(info.videos[0].start_s)
    target = tmp_path / f"out{info.path.suffix}"
    delays_s = [
        Fraction(before_s).limit_denominator(1000),
        Fraction(after_s).limit_denominator(1000),
    ]
    change_s = start_s + Fraction(CHANGE_S)
    correction = Correction(
        (info.audios[0].index,), Fraction(0), retiming=Retiming.moved(delays_s, [change_s])
    )
    write_corrected(info, target, correction)

    beeps, flashes = beeps_and_flashes(target)
    is_far = np.abs(beeps - flashes[0] + 0.5 - CHANGE_S) > 0.5
    found = errors_s((beeps[is_far], flashes))
    assert found.size >= 4
    assert np.sort(found)[-2] <= ACCEPTED_S
    assert verify_corrected(info, target, correction).passed


def test_the_rest_is_copied_and_the_sound_stays_what_it_was(
    clip: Callable[..., MediaInfo], tmp_path: Path
) -> None:
    info = clip("mp4-aac", drifting(Fraction(1001, 1000)), n_audio=2, n_channels=2)
    labelled = tmp_path / "labelled.mp4"
    with av.open(str(info.path)) as reader, av.open(str(labelled), "w") as writer:
        tracks = [writer.add_stream_from_template(s, opaque=True) for s in reader.streams]
        tracks[1].metadata["language"] = "deu"
        tracks[1].metadata["handler_name"] = "Dialogue"
        for packet in reader.demux():
            if packet.size:
                packet.stream = tracks[packet.stream_index]
                writer.mux(packet)
    info, target = probe(labelled), tmp_path / "out.mp4"
    correction = stretching(info, Fraction(1001, 1000))
    plan = plan_correction(info, correction, target)
    assert "encoded again, as AAC at 192 kb/s; nothing else is" in " ".join(plan.notes)
    write_corrected(info, target, correction)

    found = verify_corrected(info, target, correction)
    assert found.passed
    assert [check.is_equal for check in found.streams] == [True, True]
    assert not found.changed_metadata
    before, after = info.audios[0], probe(target).audios[0]
    assert (after.codec, after.language) == ("aac", "deu")
    assert (after.sample_rate_hz, after.n_channels) == (before.sample_rate_hz, before.n_channels)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("mkv-vorbis", "FLAC, 24-bit"),
        ("mp4-flac", "FLAC, 16-bit"),
        ("ts-ac3", "AC-3 at 576 kb/s"),
        ("mov-pcm", "PCM (pcm_s24le)"),
    ],
)
def test_the_codec_is_the_sources_or_loses_nothing(
    kind: str, words: str, clip: Callable[..., MediaInfo], tmp_path: Path
) -> None:
    info = clip(kind, lambda _: 0.0, duration_s=2.0)
    plan = plan_correction(
        info, stretching(info, Fraction(1001, 1000)), tmp_path / f"out{info.path.suffix}"
    )
    assert [move.coding.words for move in plan.moves if move.coding] == [words]


def test_the_bit_rate_is_never_lower_than_the_sources(
    clip: Callable[..., MediaInfo], tmp_path: Path
) -> None:
    info = clip("mkv-mp3", lambda _: 0.0, duration_s=2.0, audio_options={"b": "320k"})
    plan = plan_correction(info, stretching(info, Fraction(1001, 1000)), tmp_path / "out.mkv")
    assert [move.coding.bit_rate for move in plan.moves if move.coding] == [320_000]


def test_a_container_without_a_fitting_codec_is_refused(
    make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    path = make_clip(
        "clip.webm",
        video_codec="libvpx",
        audio_codec="vorbis",
        rate_hz=44100,
        n_channels=2,
        size=(96, 80),
        duration_s=2.0,
    )
    info = probe(path)
    with pytest.raises(ExportError, match=r"choose a name that ends in \.mkv"):
        write_corrected(info, tmp_path / "out.webm", stretching(info, Fraction(1001, 1000)))
    assert list(tmp_path.iterdir()) == [path]


def test_pitch_follows_the_stretch_unless_it_is_kept(
    clip: Callable[..., MediaInfo],
    beeps_and_flashes: Callable[[Path], Heard],
    tmp_path: Path,
) -> None:
    ratio = Fraction(25, 24)
    info = clip("mov-pcm", drifting(ratio))
    target = tmp_path / "out.mov"
    correction = stretching(info, ratio, keeps_pitch=True)
    write_corrected(info, target, correction)

    found = verify_corrected(info, target, correction)
    assert found.passed
    assert found.retimed[0].accepted_s > ACCEPTED_S
    assert np.median(errors_s(beeps_and_flashes(target))) < 0.025


def test_another_stretch_than_the_requested_one_is_measured(
    clip: Callable[..., MediaInfo], tmp_path: Path
) -> None:
    info, target = clip("mp4-aac", lambda _: 0.0), tmp_path / "out.mp4"
    write_corrected(info, target, stretching(info, Fraction(1001, 1000)))
    found = verify_corrected(info, target, stretching(info, Fraction(1002, 1000)))
    assert not found.passed
    assert found.packets_equal
    assert found.retimed[0].error_s == pytest.approx(0.006, abs=0.0015)


def test_cancelling_leaves_nothing(clip: Callable[..., MediaInfo], tmp_path: Path) -> None:
    info = clip("mp4-aac", lambda _: 0.0)

    class Impatient:
        n_checks = 0

        def report(self, progress: Progress) -> None: ...

        def check(self) -> None:
            self.n_checks += 1
            if self.n_checks > 20:
                raise Cancelled

    before = set(tmp_path.iterdir())
    correction = stretching(info, Fraction(1001, 1000))
    with pytest.raises(Cancelled):
        write_corrected(info, tmp_path / "out.mp4", correction, monitor=Impatient())
    assert set(tmp_path.iterdir()) == before


@pytest.mark.slow
def test_memory_does_not_grow_with_the_length(
    clip: Callable[..., MediaInfo], tmp_path: Path
) -> None:
    peaks = []
    for duration_s in (60.0, 240.0):
        info = clip("mov-pcm", lambda _: 0.0, duration_s=duration_s)
        tracemalloc.start()
        write_corrected(info, tmp_path / f"{duration_s}.mov", stretching(info, Fraction(25, 24)))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 4e6
