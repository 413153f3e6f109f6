"""Joined audio lies at its timestamps, frame by frame."""

from collections.abc import Callable
from contextlib import closing
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.frame import AudioFrame
from numpy.typing import NDArray

from core.correction.correction import Correction
from core.correction.retime import source_audio
from core.correction.retime.source_audio import SourceAudio
from core.correction.retiming import Retiming
from core.correction.verify.retimed_audio import PlayedAudio
from core.media.probe import probe
from core.progress import SILENT
from tests.core.correction.steps import verify_corrected, write_corrected

Shift = Callable[[int], float | None]

DURATION_S = 6.0
LOST = 120
JOINT = 130
SPLIT_S = 0.011

NOISE_S = np.random.default_rng(0).uniform(-0.003, 0.003, 1000)


def lost(number: int) -> float | None:
    return None if number == LOST else 0.0


def all_but_every_third(number: int) -> float | None:
    return None if number > LOST and number % 3 == 0 else 0.0


def joined(number: int) -> float:
    return SPLIT_S * (number >= JOINT)


def overlapping(number: int) -> float:
    return -SPLIT_S * (number >= JOINT)


def drifting(number: int) -> float:
    return 2e-5 * number


def single(number: int) -> float:
    return {50: 0.009, 90: -0.009, 140: 0.015, 200: 0.004}.get(number, 0.0)


def noisy(number: int) -> float:
    return float(NOISE_S[number])


@pytest.fixture
def make_sound(make_clip: Callable[..., Path], tmp_path: Path) -> Callable[..., Path]:
    """Return a function that makes a clip with wrong audio timestamps."""

    def make(suffix: str, codec: str, shift: Shift, **options: object) -> Path:
        settings: dict[str, object] = {"rate_hz": 48000, "size": (96, 80), "duration_s": DURATION_S}
        whole = make_clip(f"whole{suffix}", audio_codec=codec, **(settings | options))
        path = tmp_path / f"clip{suffix}"
        with av.open(str(whole)) as reader, av.open(str(path), "w") as writer:
            copies = [writer.add_stream_from_template(s, opaque=True) for s in reader.streams]
            number = 0
            for packet in reader.demux():
                if packet.size == 0:
                    continue
                packet.stream = copies[packet.stream_index]
                if packet.stream.type == "audio":
                    shift_s = shift(number)
                    number += 1
                    if shift_s is None:
                        continue
                    ticks = round(shift_s / packet.time_base)
                    assert packet.pts is not None
                    assert packet.dts is not None
                    packet.pts, packet.dts = packet.pts + ticks, packet.dts + ticks
                writer.mux(packet)
        return path

    return make


def beeps_s(times_s: NDArray[np.float64], samples: NDArray[np.float32]) -> NDArray[np.float64]:
    loud = np.sort(times_s[np.abs(samples) > 0.25])
    return loud[np.diff(loud, prepend=-np.inf) > 0.3]


def beeps_by_timestamps(path: Path) -> NDArray[np.float64]:
    times, sounds = [], []
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            assert isinstance(frame, AudioFrame)
            sounds.append(frame.to_ndarray()[0])
            assert frame.time is not None
            times.append(frame.time + np.arange(frame.samples) / frame.rate)
    return beeps_s(np.concatenate(times), np.concatenate(sounds))


def laid_out(path: Path) -> tuple[float, int, NDArray[np.float32]]:
    with closing(SourceAudio(path, 1)) as audio:
        blocks = list(audio.blocks(SILENT))
        start_s, rate_hz = float(audio.start_s), audio.rate_hz
    for before, after in pairwise(blocks):
        assert before.end == after.position
    return start_s, rate_hz, np.concatenate([block.samples[0] for block in blocks])


def beeps_laid_out(path: Path) -> NDArray[np.float64]:
    start_s, rate_hz, samples = laid_out(path)
    return beeps_s(start_s + np.arange(samples.size) / rate_hz, samples)


@pytest.mark.parametrize(
    ("suffix", "codec", "shift"),
    [
        (".mkv", "libopus", lost),
        (".mkv", "libopus", all_but_every_third),
        (".mkv", "aac", joined),
        (".mkv", "aac", overlapping),
        (".mp4", "aac", joined),
        (".mp4", "aac", drifting),
        (".mkv", "aac", drifting),
        (".ts", "aac", joined),
        (".ts", "ac3", lost),
    ],
)
def test_steady_timestamps_are_followed(
    suffix: str, codec: str, shift: Shift, make_sound: Callable[..., Path]
) -> None:
    path = make_sound(suffix, codec, shift, n_channels=2)
    expected, found = beeps_by_timestamps(path), beeps_laid_out(path)
    errors_s = np.abs(expected[:, None] - found[None]).min(axis=1)
    assert expected.size >= 6
    assert np.median(errors_s) < 0.0008
    # A gap or an overlap may lie in one beep.
    assert np.sort(errors_s)[-2] < 0.0012


@pytest.mark.parametrize("shift", [single, noisy])
@pytest.mark.parametrize(
    ("suffix", "codec", "rate_hz"),
    [(".mkv", "aac", 48000), (".mkv", "libmp3lame", 44100), (".mp4", "aac", 48000)],
)
def test_what_single_timestamps_say_is_not(
    suffix: str, codec: str, rate_hz: int, shift: Shift, make_sound: Callable[..., Path]
) -> None:
    path = make_sound(suffix, codec, shift, rate_hz=rate_hz)
    start_s, _, steady = laid_out(path.with_name(f"whole{suffix}"))
    jittered_s, _, jittered = laid_out(path)
    np.testing.assert_array_equal(jittered, steady)
    assert jittered_s == pytest.approx(start_s, abs=0.0011)


def test_a_player_hears_frames_at_their_own_times(make_sound: Callable[..., Path]) -> None:
    path = make_sound(".mkv", "aac", joined)
    with closing(PlayedAudio(path, 1)) as audio:
        blocks = list(audio.blocks(SILENT))
    gaps = [after.position - before.end for before, after in pairwise(blocks)]
    assert [gap / 48000 for gap in gaps if gap] == pytest.approx([SPLIT_S], abs=0.0004)


@pytest.mark.parametrize("shift", [lost, joined])
def test_sound_that_does_not_follow_its_timestamps_is_found(
    shift: Shift,
    make_sound: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    info, target = probe(make_sound(".mkv", "libopus", shift)), tmp_path / "out.mkv"
    retiming = Retiming.stretched(Fraction(1001, 1000), Fraction(0))
    correction = Correction((1,), Fraction(-120, 1000), retiming=retiming)
    write_corrected(info, target, correction)
    found = verify_corrected(info, target, correction)
    assert found.passed
    assert found.retimed[0].n_places > 3

    monkeypatch.setattr(source_audio, "_STEP_S", Fraction(25, 1000))
    write_corrected(info, target, correction, overwrite=True)
    missed = verify_corrected(info, target, correction)
    assert not missed.passed
    assert missed.retimed[0].error_s > 0.01


def test_unsteady_timestamps_are_no_reason_to_refuse_a_file(
    make_sound: Callable[..., Path], tmp_path: Path
) -> None:
    info, target = probe(make_sound(".mkv", "libopus", noisy)), tmp_path / "out.mkv"
    retiming = Retiming.stretched(Fraction(1001, 1000), Fraction(0))
    correction = Correction((1,), Fraction(-120, 1000), retiming=retiming)
    write_corrected(info, target, correction)
    found = verify_corrected(info, target, correction)
    assert found.passed
    assert 0.001 < found.retimed[0].accepted_s < 0.005
