"""Duration, size and streams of a clip in one line."""

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QWidget

from core.media.info import AudioStream, MediaInfo, VideoStream
from core.units import duration_text, rate_text, size_text
from synchformer_gui.wording.codecs import codec_name

_NAME_PX = 360
_NO_CLIP = "No clip is open."


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
    return f"{number}: {codec_name(audio.codec)}, {audio.n_channels} ch{language}"


def _video_text(video: VideoStream) -> str:
    text = f"{codec_name(video.codec)} {video.width_px}×{video.height_px}"
    if video.frame_rate:
        text += f", {rate_text(video.frame_rate)}"
    if video.is_variable_rate:
        text += " (variable)"
    if video.rotation_deg:
        text += f", turned {video.rotation_deg}°"
    return text


def _audio_text(audio: AudioStream) -> str:
    channels = {1: "mono", 2: "stereo"}.get(audio.n_channels, f"{audio.n_channels} channels")
    return f"{codec_name(audio.codec)} {audio.sample_rate_hz / 1000:g} kHz {channels}"
