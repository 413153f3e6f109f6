"""Common names of codecs, by their FFmpeg names."""

_NAMES = {
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


def codec_name(codec: str) -> str:
    """Common name of a codec or of one of its decoders: "MP3" for "mp3float".

    An unknown name is returned unchanged.
    """
    if codec in _NAMES:
        return _NAMES[codec]
    if codec.startswith("pcm_"):
        return f"PCM {bits}-bit" if (bits := _bits(codec)) else "PCM"
    plain = codec.removeprefix("lib")
    for suffix in _DECODER_SUFFIXES:
        plain = plain.removesuffix(suffix)
    return _NAMES.get(plain, codec)


def _bits(codec: str) -> str:
    """Bits per sample: "24" for "pcm_s24le"; empty for codecs without a fixed size."""
    kind = codec.removeprefix("pcm_")
    digits = "".join(sign for sign in kind if sign.isdecimal())
    return digits if kind[:1] in "suf" and digits in {"8", "16", "24", "32", "64"} else ""
