"""H.264, HEVC and AAC packets without the framing of their container, and parameter sets.

MP4, Matroska and FLV put a length before each NAL unit and keep parameter sets in the header of the
stream (ISO/IEC 14496-15). MPEG-TS puts a start code before each unit, repeats parameter sets in the
stream and adds access unit delimiters; AAC gets an ADTS header before each frame.

FFmpeg's bitstream filters (``filter_units``, ``hevc_mp4toannexb``, ``aac_adtstoasc``) give equal
results, but verifying MP4 against MPEG-TS would take 1.4 times the CPU time (measured).
"""

from collections.abc import Iterator

from av.stream import DataStream, Stream

# Parameter sets and access unit delimiters (ISO/IEC 14496-10 table 7-1, 23008-2 table 7-1).
_H264_FRAMING = frozenset({7, 8, 9, 13})
_HEVC_FRAMING = frozenset({32, 33, 34, 35})

_H264_SETS = frozenset({7, 8})
_HEVC_SETS = frozenset({32, 33, 34})
_H264_LENGTH_AT, _HEVC_LENGTH_AT = 4, 21
"""Position of the size of unit lengths in the headers of MP4 and Matroska, bytes."""

_H264_SETS_AT = 5
_HEVC_SETS_AT = 22
"""Position of the parameter sets in the headers of MP4 and Matroska, bytes."""

_X265_MESSAGES = tuple(bytes([39 << 1, 1, kind]) for kind in (5, 137, 144))
"""First bytes of SEI messages that x265 puts into the header of MP4: its settings, the mastering
display and the content light level (D.2.7, D.2.28, D.2.35)."""

_START_CODE = b"\0\0\1"
_ADTS_HEADER_BYTES = 7
_ADTS_CRC_BYTES = 2


def nal_units(payload: bytes, stream: Stream) -> bytes:
    """Coded content of a packet without the framing of its container.

    H.264 and HEVC lose parameter sets, delimiters, and start codes or lengths; AAC loses the ADTS
    header. Packets of other codecs stay as they are.
    """
    if isinstance(stream, DataStream):
        return payload
    codec = stream.codec_context.codec.canonical_name
    header = stream.codec_context.extradata or b""
    if codec == "h264":
        units = _units(payload, header, length_at=_H264_LENGTH_AT)
        return b"".join(u for u in units if u[0] & 0x1F not in _H264_FRAMING)
    if codec == "hevc":
        units = _units(payload, header, length_at=_HEVC_LENGTH_AT)
        return b"".join(
            unit
            for unit in units
            if unit[0] >> 1 & 0x3F not in _HEVC_FRAMING and not unit.startswith(_X265_MESSAGES)
        )
    if codec == "aac" and not header:
        has_crc = not payload[1] & 1
        return payload[_ADTS_HEADER_BYTES + has_crc * _ADTS_CRC_BYTES :]
    return payload


def parameter_sets(stream: Stream) -> frozenset[bytes]:
    """Parameter sets in the header of an H.264 or HEVC stream."""
    header = stream.codec_context.extradata or b""
    is_h264 = stream.codec_context.codec.canonical_name == "h264"
    if header[:1] != b"\1":
        units = list(_units(header, b"", length_at=0))
    else:
        units = list(_listed_units(header, _H264_SETS_AT if is_h264 else _HEVC_SETS_AT))
    if is_h264:
        return frozenset(unit for unit in units if unit[0] & 0x1F in _H264_SETS)
    return frozenset(unit for unit in units if unit[0] >> 1 & 0x3F in _HEVC_SETS)


def unit_length_bytes(stream: Stream) -> int:
    """Size of the length before each unit of an H.264 or HEVC stream; 0 for start codes."""
    header = stream.codec_context.extradata or b""
    is_h264 = stream.codec_context.codec.canonical_name == "h264"
    length_at = _H264_LENGTH_AT if is_h264 else _HEVC_LENGTH_AT
    if header[:1] != b"\1" or len(header) <= length_at:
        return 0
    return (header[length_at] & 3) + 1


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


def _units(payload: bytes, header: bytes, length_at: int) -> Iterator[bytes]:
    """Split a packet into its NAL units.

    Args:
        payload: The packet.
        header: Header of the stream; starts with 1 if a length precedes each unit.
        length_at: Position of the size of these lengths in the header, bytes.
    """
    if header[:1] != b"\1" or len(header) <= length_at:
        # Zeros before a start code belong to no unit.
        units = (unit.rstrip(b"\0") for unit in payload.split(_START_CODE)[1:])
        yield from (unit for unit in units if unit)
        return
    n_length_bytes = (header[length_at] & 3) + 1
    position = 0
    while position < len(payload):
        begin = position + n_length_bytes
        position = begin + int.from_bytes(payload[position:begin], "big")
        if begin < position:
            yield payload[begin:position].rstrip(b"\0")
