"""H.264, HEVC and AAC packets without the framing of their container, and parameter sets.

MP4, Matroska and FLV put a length before each NAL unit and keep parameter sets in the header of the
stream (ISO/IEC 14496-15). MPEG-TS puts a start code before each unit, repeats parameter sets in the
stream and adds access unit delimiters; AAC gets an ADTS header before each frame.
"""

from collections.abc import Iterator
from contextlib import suppress

from av.bitstream import BitStreamFilterContext
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Stream

from core.media.stream_kind import codec_name

_FILTERS = {
    # ISO/IEC 14496-10 table 7-1: parameter sets and access unit delimiters.
    "h264": "filter_units=remove_types=7-9|13",
    # ISO/IEC 23008-2 table 7-1, likewise. The first filter repeats the SEI messages that x265 puts
    # into the header of MP4, as the muxer of MPEG-TS does.
    "hevc": "hevc_mp4toannexb,filter_units=remove_types=32-35",
    "aac": "aac_adtstoasc",
}

_H264_SETS = frozenset({7, 8})
_HEVC_SETS = frozenset({32, 33, 34})
_H264_SETS_AT = 5
_HEVC_SETS_AT = 22
"""Position of the parameter sets in the header of MP4 and Matroska, bytes."""

_START_CODE = b"\0\0\1"


class Unframer:
    """Takes packets of one stream out of the framing of their container.

    Packets of other codecs, and damaged ones that FFmpeg cannot parse, stay as they are.
    """

    def __init__(self, stream: Stream) -> None:
        self._filter: BitStreamFilterContext | None = None
        name = _FILTERS.get(codec_name(stream))
        if name is not None:
            # A damaged header of the stream is no reason to refuse it.
            with suppress(FFmpegError):
                self._filter = BitStreamFilterContext(name, stream)

    def unframe(self, payload: bytes) -> bytes:
        """Coded content of the next packet of the stream."""
        if self._filter is None:
            return payload
        try:
            return b"".join(bytes(part) for part in self._filter.filter(Packet(payload)))
        except FFmpegError:
            return payload


def parameter_sets(stream: Stream) -> frozenset[bytes]:
    """Parameter sets in the header of an H.264 or HEVC stream."""
    header = stream.codec_context.extradata or b""
    is_h264 = stream.codec_context.codec.canonical_name == "h264"
    if header[:1] != b"\1":
        # Zeros before a start code belong to no unit.
        units = [unit.rstrip(b"\0") for unit in header.split(_START_CODE)[1:]]
    else:
        units = list(_listed_units(header, _H264_SETS_AT if is_h264 else _HEVC_SETS_AT))
    if is_h264:
        return frozenset(unit for unit in units if unit and unit[0] & 0x1F in _H264_SETS)
    return frozenset(unit for unit in units if unit and unit[0] >> 1 & 0x3F in _HEVC_SETS)


def _listed_units(header: bytes, position: int) -> Iterator[bytes]:
    """Split the header of a stream in MP4 or Matroska into its NAL units.

    ISO/IEC 14496-15, 5.3.3.1 and 8.3.3.1: H.264 has two lists, each after its length; HEVC has a
    number of lists, each after its type and its length.
    """
    is_h264 = position == _H264_SETS_AT
    n_lists = 2 if is_h264 else int.from_bytes(header[position : position + 1], "big")
    position += 0 if is_h264 else 1
    n_count_bytes = 1 if is_h264 else 3
    for _ in range(n_lists):
        count = header[position : position + n_count_bytes]
        n_units = count[0] & 0x1F if is_h264 and count else int.from_bytes(count[1:], "big")
        position += n_count_bytes
        for _ in range(n_units):
            begin = position + 2
            position = begin + int.from_bytes(header[position:begin], "big")
            if begin < position:
                yield header[begin:position].rstrip(b"\0")
