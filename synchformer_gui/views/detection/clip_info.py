"""Duration, size and streams of a clip in one line."""

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QWidget

from core.media.info import AudioStream, MediaInfo, VideoStream
from core.units import duration_text, rate_text, size_text

_NAME_PX = 360
_NO_CLIP = "No clip is open."
_CODEC_NAMES = {
    "aac": "AAC",
    "aac_latm": "AAC",
    "ac3": "AC-3",
    "alac": "ALAC",
    "amr_nb": "AMR",
    "amr_wb": "AMR-WB",
    "av1": "AV1",
    "cfhd": "CineForm",
    "dca": "DTS",
    "dnxhd": "DNxHD",
    "dts": "DTS",
    "dvvideo": "DV",
    "eac3": "E-AC-3",
    "flac": "FLAC",
    "h263": "H.263",
    "h264": "H.264",
    "hevc": "H.265",
    "jpeg2000": "JPEG 2000",
    "mjpeg": "Motion JPEG",
    "mp1": "MP1",
    "mp2": "MP2",
    "mp3": "MP3",
    "mpeg1video": "MPEG-1",
    "mpeg2video": "MPEG-2",
    "mpeg4": "MPEG-4",
    "opus": "Opus",
    "pcm_bluray": "PCM",
    "pcm_dvd": "PCM",
    "prores": "ProRes",
    "truehd": "TrueHD",
    "vc1": "VC-1",
    "vorbis": "Vorbis",
    "vp8": "VP8",
    "vp9": "VP9",
    "wmapro": "WMA Pro",
    "wmav1": "WMA",
    "wmav2": "WMA",
    "wmv1": "WMV",
    "wmv2": "WMV",
    "wmv3": "WMV",
}
_DECODER_SUFFIXES = ("float", "_fixed")
"""Suffixes of decoder names, as in mp3float; the prefix is "lib"."""


class ClipInfoLabel(QLabel):
    """Name and contents of the open clip; long names are shortened."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(_NO_CLIP, parent)

    def show_clip(self, path: Path, info: str) -> None:
        self.setToolTip(str(path))
        name = self.fontMetrics().elidedText(path.name, Qt.TextElideMode.ElideMiddle, _NAME_PX)
        self.setText(f"{name}   ·   {info}")

    def show_nothing(self) -> None:
        self.setToolTip("")
        self.setText(_NO_CLIP)


def clip_info_text(info: MediaInfo) -> str:
    """Contents of a file: "0:10 · 2.3 MB · H.264 340×256, 25 fps · audio: AAC 16 kHz"."""
    parts = [duration_text(info.duration_s), size_text(info.size_bytes)]
    parts.append(_video_text(info.video) if info.video else "no picture")
    if not info.audios:
        parts.append("no audio")
    elif len(info.audios) == 1:
        parts.append(f"audio: {_audio_text(info.audios[0])}")
    else:
        texts = ", ".join(_audio_text(audio) for audio in info.audios)
        parts.append(f"{len(info.audios)} audio streams: {texts}")
    return "   ·   ".join(parts)


def audio_title(number: int, audio: AudioStream) -> str:
    """Number, codec, channels and language of an audio stream: "2: AAC, 6 ch, eng"."""
    language = f", {audio.language}" if audio.language else ""
    return f"{number}: {_codec_name(audio.codec)}, {audio.n_channels} ch{language}"


def _video_text(video: VideoStream) -> str:
    text = f"{_codec_name(video.codec)} {video.width_px}×{video.height_px}"
    if video.frame_rate:
        text += f", {rate_text(video.frame_rate)}"
    if video.is_variable_rate:
        text += " (variable)"
    if video.rotation_deg:
        text += f", turned {video.rotation_deg}°"
    return text


def _audio_text(audio: AudioStream) -> str:
    channels = {1: "mono", 2: "stereo"}.get(audio.n_channels, f"{audio.n_channels} channels")
    return f"{_codec_name(audio.codec)} {audio.sample_rate_hz / 1000:g} kHz {channels}"


def _codec_name(codec: str) -> str:
    """Common name of a codec or of one of its decoders: "MP3" for "mp3float".

    An unknown name is returned unchanged.
    """
    if codec in _CODEC_NAMES:
        return _CODEC_NAMES[codec]
    if codec.startswith("pcm_"):
        return f"PCM {bits}-bit" if (bits := _bits(codec)) else "PCM"
    plain = codec.removeprefix("lib")
    for suffix in _DECODER_SUFFIXES:
        plain = plain.removesuffix(suffix)
    return _CODEC_NAMES.get(plain, codec)


def _bits(codec: str) -> str:
    """Bits per sample: "24" for "pcm_s24le"; empty for codecs without a fixed size."""
    kind = codec.removeprefix("pcm_")
    digits = "".join(sign for sign in kind if sign.isdecimal())
    return digits if kind[:1] in "suf" and digits in {"8", "16", "24", "32", "64"} else ""
