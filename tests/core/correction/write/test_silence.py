from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from core.correction.write.silence import PacketRelay, SampleDecoder, SampleRelay
from core.media.stream_kind import is_uncompressed, packet_samples, silence_of, silent_packet

pytestmark = pytest.mark.usefixtures("written_anew")

SOUND = bytes(range(1, 13))
"""Six samples of one channel of 16 bits."""


def relay_sound(n_samples: int, until_s: Fraction | None = None) -> tuple[bytes, list[int]]:
    relay = SampleRelay("pcm_s16le", 50, 1, n_samples)
    packets = [
        packet
        for source in (av.Packet(SOUND[:4]), av.Packet(SOUND[4:]))
        for packet in relay.feed(source)
    ]
    packets += relay.finish(until_s)
    return b"".join(map(bytes, packets)), [packet.pts or 0 for packet in packets]


@pytest.mark.parametrize(
    ("n_samples", "expected", "times"),
    [
        (0, SOUND, [0, 2]),
        (3, bytes(6) + SOUND, [0, 2, 3, 5]),
        (-3, SOUND[6:], [0]),
        (-9, b"", []),
    ],
)
def test_samples_are_moved_by_silence_or_by_cutting(
    n_samples: int, expected: bytes, times: list[int]
) -> None:
    assert relay_sound(n_samples) == (expected, times)


def test_sound_that_became_short_is_filled_up() -> None:
    assert relay_sound(-3, until_s=Fraction(10, 50)) == (SOUND[6:] + bytes(14), [0, 3, 5, 7, 9])


@pytest.mark.parametrize(
    ("codec", "silence"),
    [
        ("pcm_s16le", b"\0\0"),
        ("pcm_s24be", b"\0\0\0"),
        ("pcm_f64le", bytes(8)),
        ("pcm_u8", b"\x80"),
        ("pcm_alaw", b"\xd5"),
        ("pcm_mulaw", b"\xff"),
    ],
)
def test_silence_fits_the_codec(codec: str, silence: bytes) -> None:
    assert is_uncompressed(codec)
    assert silence_of(codec) == silence


@pytest.mark.parametrize("codec", ["mp3", "adpcm_ms", "pcm_bluray", "pcm_dvd", "aac"])
def test_codecs_that_pack_samples_are_not_cut_into(codec: str) -> None:
    assert not is_uncompressed(codec)


@pytest.mark.parametrize("codec", ["libmp3lame", "mp2", "ac3"])
@pytest.mark.parametrize("rate_hz", [44100, 48000])
def test_encoded_silence_in_front_leaves_the_sound_as_it_was(
    codec: str, rate_hz: int, make_clip: Callable[..., Path]
) -> None:
    path = make_clip("c.avi", duration_s=1.5, audio_codec=codec, rate_hz=rate_hz, n_channels=2)
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        sources: list[av.Packet] = [p for p in container.demux(stream) if p.size]
        relay = PacketRelay(stream, 5, silent_packet(stream) or b"")
        relayed = [packet for source in sources for packet in relay.feed(source)]
        n_samples = packet_samples(stream)
        sounds = []
        for packets in (sources, relayed):
            decoder = SampleDecoder(stream)
            stream.codec_context.flush_buffers()
            pieces = [audio for packet in packets for _, audio in decoder.decode(packet)]
            sounds.append(np.frombuffer(b"".join(pieces), np.int16))
    plain, moved = sounds
    assert [packet.pts for packet in relayed[:3]] == [0, n_samples, 2 * n_samples]
    head, rest = np.split(moved, [2 * 5 * n_samples])
    assert np.abs(head).max() <= 3
    # The decoder of AC-3 adds noise at random, below what is heard.
    assert np.corrcoef(plain[: rest.size], rest)[0, 1] > 0.999


def test_nobody_encodes_silence_for_rare_codecs(make_clip: Callable[..., Path]) -> None:
    path = make_clip("c.avi", duration_s=1, audio_codec="adpcm_ms")
    with av.open(str(path)) as container:
        assert silent_packet(container.streams.audio[0]) is None
