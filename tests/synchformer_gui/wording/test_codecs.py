import pytest

from synchformer_gui.wording.codecs import codec_name


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
    assert codec_name(codec) == name
