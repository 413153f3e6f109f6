"""Header packets of Vorbis and Theora, joined by Ogg and Matroska in different ways."""

_N_HEADERS = 3
_LACED = _N_HEADERS - 1
_FULL = 255


def xiph_headers(joined: bytes) -> tuple[bytes, ...]:
    """Split the three header packets of a stream.

    Two ways to join them are known: each after its length in two bytes, or all after a list of
    lengths (Xiph lacing; RFC 9559, 10.3.3).

    Returns:
        The packets; the whole content as one if it follows neither way.
    """
    return _after_lengths(joined) or _laced(joined) or (joined,)


def _after_lengths(joined: bytes) -> tuple[bytes, ...]:
    headers: list[bytes] = []
    position = 0
    for _ in range(_N_HEADERS):
        begin = position + 2
        position = begin + int.from_bytes(joined[position:begin], "big")
        headers.append(joined[begin:position])
    return tuple(headers) if all(headers) and position == len(joined) else ()


def _laced(joined: bytes) -> tuple[bytes, ...]:
    if joined[:1] != bytes([_LACED]):
        return ()
    lengths: list[int] = []
    position = 1
    for _ in range(_LACED):
        length = 0
        while position < len(joined):
            length += joined[position]
            position += 1
            if joined[position - 1] != _FULL:
                break
        lengths.append(length)
    ends = [position + sum(lengths[: number + 1]) for number in range(_LACED)]
    if ends[-1] >= len(joined):
        return ()
    return joined[position : ends[0]], joined[ends[0] : ends[1]], joined[ends[1] :]
