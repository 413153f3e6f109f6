from fractions import Fraction

import pytest

from core.media.info import AudioStream
from synchformer_gui.views.detection.clip_info import audio_title


@pytest.mark.parametrize(
    ("codec", "name"),
    [
        ("mp3float", "MP3"),
        ("mp3", "MP3"),
        ("aac_fixed", "AAC"),
        ("h264", "H.264"),
        ("hevc", "H.265"),
        ("libopus", "Opus"),
        ("libvorbis", "Vorbis"),
        ("pcm_s24le", "PCM 24-bit"),
        ("pcm_f32be", "PCM 32-bit"),
        ("pcm_alaw", "PCM"),
        ("pcm_bluray", "PCM"),
        ("something_new", "something_new"),
        ("unknown", "unknown"),
    ],
)
def test_codecs_are_called_as_people_call_them(codec: str, name: str) -> None:
    audio = AudioStream(1, codec, 16000, 2, Fraction(1, 16000), 0.0, 10.0, "eng")
    assert audio_title(1, audio) == f"1: {name}, 2 ch, eng"
