from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import pytest

from core.correction.correction import Correction
from core.correction.verify.verify import Verification, verify
from core.errors import Cancelled, MediaError
from core.media.info import MediaInfo
from core.media.probe import probe
from core.progress import Progress
from tests.core.correction.steps import plan_correction, verify_corrected, write_corrected

pytestmark = pytest.mark.usefixtures("written_anew")

LATER = Correction((1,), Fraction(160, 1000))


@pytest.fixture
def info(make_clip: Callable[..., Path]) -> MediaInfo:
    return probe(make_clip("clip.mp4", duration_s=3, size=(160, 128)))


def copy_packets(
    source: Path, target: Path, change: Callable[[av.Packet, int], av.Packet | None]
) -> None:
    """Copy a file, asking for each packet, with its number, what to write in its place."""
    with av.open(str(source)) as reader, av.open(str(target), "w") as writer:
        tracks = {}
        for stream in reader.streams:
            tracks[stream.index] = writer.add_stream_from_template(stream, opaque=True)
        for number, packet in enumerate(reader.demux()):
            if packet.size:
                index = packet.stream_index
                changed = change(packet, number)
                if changed is not None:
                    changed.stream = tracks[index]
                    writer.mux(changed)


def test_a_faithful_copy_passes(info: MediaInfo, tmp_path: Path) -> None:
    write_corrected(info, tmp_path / "out.mp4", LATER)
    found = verify_corrected(info, tmp_path / "out.mp4", LATER)
    assert found == Verification(
        packets_equal=True, shift_error_s=found.shift_error_s, lost_streams=()
    )
    assert found.shift_error_s < 1e-9
    assert found.passed


@pytest.mark.parametrize("delay_ms", [-160, 0, 158, 320])
def test_another_delay_than_the_requested_one_is_measured(
    delay_ms: int, info: MediaInfo, tmp_path: Path
) -> None:
    write_corrected(info, tmp_path / "out.mp4", Correction((1,), Fraction(delay_ms, 1000)))
    found = verify_corrected(info, tmp_path / "out.mp4", LATER)
    assert found.packets_equal
    assert found.shift_error_s == pytest.approx(abs(160 - delay_ms) / 1000, abs=1e-6)
    assert not found.passed


def test_one_displaced_packet_is_found(info: MediaInfo, tmp_path: Path) -> None:
    def displace(packet: av.Packet, number: int) -> av.Packet:
        if number == 40 and packet.pts is not None:
            packet.pts += round(Fraction(5, 1000) / packet.time_base)
        return packet

    write_corrected(info, tmp_path / "whole.mkv", LATER)
    copy_packets(tmp_path / "whole.mkv", tmp_path / "out.mkv", displace)
    found = verify_corrected(info, tmp_path / "out.mkv", LATER)
    assert found.packets_equal
    assert found.shift_error_s == pytest.approx(0.005, abs=0.003)
    assert not found.passed


@pytest.mark.parametrize(
    ("suffix", "later_s"), [(".mp4", 10), (".mov", 0.05), (".mkv", 0.05), (".ts", 1)]
)
def test_a_copy_all_of_which_is_later_does_not_pass(
    suffix: str, later_s: float, info: MediaInfo, tmp_path: Path
) -> None:
    def later(packet: av.Packet, number: int) -> av.Packet:
        ticks = round(later_s / packet.time_base)
        packet.pts, packet.dts = (packet.pts or 0) + ticks, (packet.dts or 0) + ticks
        return packet

    target = tmp_path / f"out{suffix}"
    write_corrected(info, tmp_path / f"whole{suffix}", LATER)
    planned_s = verify_corrected(info, tmp_path / f"whole{suffix}", LATER).common_s
    copy_packets(tmp_path / f"whole{suffix}", target, later)
    found = verify_corrected(info, target, LATER)
    assert found.shift_error_s < 1e-3
    assert found.common_s - planned_s == pytest.approx(later_s, abs=2e-3)
    assert any("the time of all streams" in text for text in found.differing)
    assert not found.passed


@pytest.mark.parametrize("delay_ms", [-160, 0, 160])
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".ts"])
def test_pictures_that_are_decoded_before_time_zero_pass_everywhere(
    suffix: str, delay_ms: int, info: MediaInfo, tmp_path: Path
) -> None:
    with av.open(str(info.path)) as reader:
        assert (next(reader.demux(video=0)).dts or 0) < 0
    correction = Correction((1,), Fraction(delay_ms, 1000))
    target = write_corrected(info, tmp_path / f"out{suffix}", correction)
    assert verify_corrected(info, target, correction).passed


def test_a_missing_packet_is_found(info: MediaInfo, tmp_path: Path) -> None:
    write_corrected(info, tmp_path / "whole.mkv", LATER)
    copy_packets(
        tmp_path / "whole.mkv", tmp_path / "out.mkv", lambda packet, n: None if n == 30 else packet
    )
    assert not verify_corrected(info, tmp_path / "out.mkv", LATER).packets_equal


@pytest.mark.parametrize("suffix", [".mp4", ".ts"])
def test_a_changed_byte_is_found(suffix: str, info: MediaInfo, tmp_path: Path) -> None:
    def damage(packet: av.Packet, number: int) -> av.Packet:
        if number != 30:
            return packet
        payload = bytearray(packet)
        payload[-5] ^= 1
        damaged = av.Packet(bytes(payload))
        damaged.pts, damaged.dts, damaged.time_base = packet.pts, packet.dts, packet.time_base
        damaged.duration, damaged.is_keyframe = packet.duration, packet.is_keyframe
        return damaged

    write_corrected(info, tmp_path / "whole.mp4", LATER)
    copy_packets(tmp_path / "whole.mp4", tmp_path / f"out{suffix}", damage)
    assert not verify_corrected(info, tmp_path / f"out{suffix}", LATER).packets_equal


def test_a_lost_stream_is_named(
    info: MediaInfo, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    silent = make_clip("silent.mp4", duration_s=3, size=(160, 128), audio=False)
    found = verify_corrected(info, silent, LATER)
    assert found.lost_streams == ("clip.mp4, stream 1 (audio)",)
    assert not found.passed


def test_a_missing_or_cut_off_target_is_told(info: MediaInfo, tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="does not exist"):
        verify_corrected(info, tmp_path / "out.mp4", LATER)
    write_corrected(info, tmp_path / "out.mkv", LATER)
    content = (tmp_path / "out.mkv").read_bytes()
    (tmp_path / "out.mkv").write_bytes(content[: len(content) // 2])
    assert not verify_corrected(info, tmp_path / "out.mkv", LATER).passed


def test_checking_can_be_cancelled(info: MediaInfo, tmp_path: Path) -> None:
    class Impatient:
        def report(self, progress: Progress) -> None:
            raise AssertionError(progress)

        def check(self) -> None:
            raise Cancelled

    write_corrected(info, tmp_path / "out.mp4", LATER)
    with pytest.raises(Cancelled):
        verify_corrected(info, tmp_path / "out.mp4", LATER, Impatient())


def test_audio_only_shift_of_the_other_stream_is_an_error(info: MediaInfo, tmp_path: Path) -> None:
    write_corrected(info, tmp_path / "out.mp4", LATER)
    plan = plan_correction(info, LATER, tmp_path / "out.mp4")
    swapped = replace(plan, correction=replace(LATER, audio_stream_indices=(0,)))
    found = verify(swapped, tmp_path / "out.mp4")
    assert found.shift_error_s == pytest.approx(0.32, abs=1e-6)
