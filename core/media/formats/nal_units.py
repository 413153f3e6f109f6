"""What stays of a packet when a container of another family frames it in its own way."""

from collections.abc import Iterator

from av.stream import DataStream, Stream

# ISO/IEC 14496-10 table 7-1 and 23008-2 table 7-1: parameter sets and access unit delimiters,
# which MPEG-TS repeats in the stream and MP4 and Matroska keep in their headers.
_H264_FRAMING = frozenset({7, 8, 9, 13})
_HEVC_FRAMING = frozenset({32, 33, 34, 35})

_H264_SETS = frozenset({7, 8})
_HEVC_SETS = frozenset({32, 33, 34})
_H264_SETS_AT = 5
_HEVC_SETS_AT = 22
"""Where the parameter sets begin in the headers of MP4 and Matroska."""

_HEVC_NOTES = tuple(bytes([39 << 1, 1, kind]) for kind in (5, 137, 144))
"""How messages begin that x265 puts into the header of MP4: a text of its own, the mastering
display and the light level (D.2.7, D.2.28, D.2.35)."""

_START_CODE = b"\0\0\1"
_ADTS_HEADER_BYTES = 7
_ADTS_CRC_BYTES = 2


def nal_units(payload: bytes, stream: Stream) -> bytes:
    """Return the coded content of a packet without what depends on the kind of container.

    H.264 and HEVC lose parameter sets, delimiters, and start codes or lengths; AAC loses the
    header that MPEG-TS puts before each frame. Everything else is returned as it is.
    """
    if isinstance(stream, DataStream):
        return payload
    codec = stream.codec_context.codec.canonical_name
    header = stream.codec_context.extradata or b""
    if codec == "h264":
        units = _units(payload, header, length_at=4)
        return b"".join(u for u in units if u[0] & 0x1F not in _H264_FRAMING)
    if codec == "hevc":
        units = _units(payload, header, length_at=21)
        return b"".join(
            unit
            for unit in units
            if unit[0] >> 1 & 0x3F not in _HEVC_FRAMING and not unit.startswith(_HEVC_NOTES)
        )
    if codec == "aac" and not header:
        has_crc = not payload[1] & 1
        return payload[_ADTS_HEADER_BYTES + has_crc * _ADTS_CRC_BYTES :]
    return payload


def parameter_sets(stream: Stream) -> frozenset[bytes]:
    """Return the parameter sets that stand in the header of an H.264 or HEVC stream."""
    header = stream.codec_context.extradata or b""
    is_h264 = stream.codec_context.codec.canonical_name == "h264"
    if header[:1] != b"\1":
        units = list(_units(header, b"", length_at=0))
    else:
        units = list(_listed_units(header, _H264_SETS_AT if is_h264 else _HEVC_SETS_AT))
    if is_h264:
        return frozenset(unit for unit in units if unit[0] & 0x1F in _H264_SETS)
    return frozenset(unit for unit in units if unit[0] >> 1 & 0x3F in _HEVC_SETS)


def _listed_units(header: bytes, position: int) -> Iterator[bytes]:
    """Read the units of the header that MP4 and Matroska have of a stream.

    ISO/IEC 14496-15, 5.3.3.1 and 8.3.3.1: of H.264, two lists, each preceded by its length; of
    HEVC, a number of lists, each preceded by its kind and its length.
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
    """Split a packet into its units.

    Args:
        payload: The packet.
        header: Header of the stream; starts with 1 if units are preceded by their lengths.
        length_at: Where in such a header the size of the lengths stands.
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
