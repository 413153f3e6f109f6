"""Moves of the audio streams: the method and the remainder that a container allows for each.

Containers without times (AVI, MXF) place audio by the amount of audio before it.
Uncompressed audio is moved there by samples. Coded audio moves by whole packets, and an exact shift
needs decoding: the user's choice.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from av.audio.format import AudioFormat
from av.audio.stream import AudioStream as AvAudioStream
from av.container import InputContainer

from core.correction.compatibility.container_choice import container_advice, fitting_suffixes
from core.correction.correction import Correction, Inexact
from core.correction.retime.codec_choice import PCM_16, AudioCoding, audio_coding
from core.media.formats.output_format import OutputFormat
from core.media.info import AudioStream, MediaInfo, start_of
from core.media.stream_kind import is_uncompressed, packet_samples, silent_packet
from core.units import ms_text


class Method(Enum):
    """How audio is moved."""

    TIMES = "times"
    """Packets get other timestamps."""
    SAMPLES = "samples"
    """Uncompressed audio gets silence in front or loses its head."""
    PACKETS = "packets"
    """Coded audio gets packets of silence in front or loses packets at its head."""
    DECODED = "decoded"
    """The audio is decoded and written as PCM."""
    RETIMED = "retimed"
    """The audio is decoded, retimed and encoded again."""


@dataclass(frozen=True, slots=True)
class Move:
    """Move of one audio stream.

    Attributes:
        stream_index: Stream of the source.
        method: Way of moving it.
        delay_s: Exact delay in seconds, apart from rounding to the container's ticks.
        n_units: Samples (PACKETS: packets) put in front; negative, cut off.
        coding: Coding of retimed audio; None if the container takes none, and for other methods.
    """

    stream_index: int
    method: Method
    delay_s: Fraction
    n_units: int = 0
    coding: AudioCoding | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """A way out where the container cannot carry the exact shift.

    Attributes:
        inexact: The choice; None stands for another container.
        words: Its effect, as a part of a sentence.
    """

    inexact: Inexact | None
    words: str


class Moves(NamedTuple):
    """Moves of all audio streams.

    Attributes:
        moves: Streams that are moved or laid out anew.
        choices: Ways out where the container cannot carry the exact shift; empty if it can.
        needs_choice: Whether a stream waits for a choice left open by the correction.
    """

    moves: tuple[Move, ...]
    choices: tuple[Choice, ...]
    needs_choice: bool

    @property
    def recoded(self) -> frozenset[int]:
        """Audio streams with a new coding."""
        return frozenset(
            move.stream_index
            for move in self.moves
            if move.method is Method.DECODED or move.coding is not None
        )


def plan_moves(
    reader: InputContainer, info: MediaInfo, correction: Correction, output: OutputFormat
) -> Moves:
    """Choose the move of each audio stream.

    Args:
        reader: The open source.
        info: The probed source.
        correction: The correction.
        output: The container of the target.

    Raises:
        MediaError: The source cannot be opened again to measure the bit rate of retimed audio.
    """
    moves: list[Move] = []
    choices: tuple[Choice, ...] = ()
    needs_choice = False
    for audio in info.audios:
        is_moved = audio.index in correction.audio_stream_indices
        delay_s = correction.audio_delay_s if is_moved else Fraction(0)
        if is_moved and correction.retiming is not None:
            coding = audio_coding(info, audio.index, output)
            moves.append(Move(audio.index, Method.RETIMED, delay_s, coding=coding))
        elif output.keeps_times:
            if is_moved:
                tick_s = output.tick_s or Fraction(1, audio.sample_rate_hz)
                delay_s = round(delay_s / tick_s) * tick_s
                moves.append(Move(audio.index, Method.TIMES, delay_s))
        elif is_uncompressed(audio.codec):
            moves.append(_by_samples(audio, delay_s, Method.SAMPLES))
        elif is_moved:
            by_packets = _by_packets(reader.streams.get(audio.index)[0], audio, delay_s)
            if by_packets and by_packets.delay_s == delay_s:
                moves.append(by_packets)
                continue
            names = fitting_suffixes(reader, info.path, (".mkv", ".mov"))
            choices = _choices(by_packets, delay_s, tuple(names))
            if by_packets and correction.inexact is Inexact.NEAREST:
                moves.append(by_packets)
            elif correction.inexact is Inexact.REENCODE:
                moves.append(_by_samples(audio, delay_s, Method.DECODED))
            else:
                needs_choice = True
    return Moves(tuple(moves), choices, needs_choice)


def more_bytes(info: MediaInfo, move: Move) -> int:
    """Upper bound in bytes of the growth of a file by a move."""
    audio = next(audio for audio in info.audios if audio.index == move.stream_index)
    coding = PCM_16 if move.method is Method.DECODED else move.coding
    if coding is None or coding.bit_rate or coding.codec == audio.codec:
        return 0
    n_samples = (audio.duration_s or info.duration_s) * audio.sample_rate_hz
    return math.ceil(n_samples) * audio.n_channels * AudioFormat(coding.sample_format).bytes


def unencodable(
    reader: InputContainer, info: MediaInfo, moves: Sequence[Move], target: Path
) -> list[str]:
    """Refusals of audio without an encoder for the target."""
    lacking = [m.stream_index for m in moves if m.method is Method.RETIMED and m.coding is None]
    return [
        f"{target.name} takes no sound that is encoded here in place of stream {index} of "
        f"{info.path.name}; {container_advice(reader, info.path, lacking)}."
        for index in lacking
    ]


def choice_refusal(info: MediaInfo, target: Path, choices: Sequence[Choice]) -> str:
    """Sentence asking for a choice."""
    words = [choice.words for choice in choices]
    listed = f"{', '.join(words[:-1])}, or {words[-1]}" if len(words) > 1 else words[0]
    return (
        f"{target.name} cannot hold the coded sound of {info.path.name} at its exact place, since "
        f"{target.suffix[1:].upper()} keeps no times; choose {listed}."
    )


def move_notes(
    moves: Sequence[Move], output: OutputFormat, info: MediaInfo, correction: Correction
) -> list[str]:
    """Notes on the audio itself: coding, silence in front, cut heads."""
    name = output.name.upper()
    notes: list[str] = []
    for move in moves:
        stream = f"Stream {move.stream_index} of {info.path.name} (audio)"
        if move.method is Method.DECODED:
            notes.append(f"{stream} is decoded and written as 16-bit PCM.")
        if move.coding is not None:
            notes.append(f"{stream} is encoded again, as {move.coding.words}; nothing else is.")
        if move.method is Method.PACKETS:
            notes.append(_packets_note(stream, move, name, correction))
        elif move.method is Method.TIMES or not move.n_units:
            continue
        elif move.n_units > 0:
            ms = ms_text(move.delay_s)
            notes.append(
                f"{stream} gets {ms} of silence in front of it, since {name} has no times."
            )
        else:
            ms = ms_text(move.delay_s)
            notes.append(f"{stream} loses its first {ms}, which would be heard before the picture.")
    return notes


def _by_samples(audio: AudioStream, delay_s: Fraction, method: Method) -> Move:
    start_s = start_of(audio)
    n_samples = round((start_s + delay_s) * audio.sample_rate_hz)
    shift_s = Fraction(n_samples, audio.sample_rate_hz) - start_s
    return Move(audio.index, method, shift_s, n_samples)


def _by_packets(stream: object, audio: AudioStream, delay_s: Fraction) -> Move | None:
    """Nearest shift by whole packets; None if the stream cannot be shifted by packets."""
    if not isinstance(stream, AvAudioStream) or not packet_samples(stream):
        return None
    packet_s = Fraction(packet_samples(stream), audio.sample_rate_hz)
    start_s = start_of(audio)
    n_packets = round((start_s + delay_s) / packet_s)
    if n_packets > 0 and silent_packet(stream) is None:
        return None
    return Move(audio.index, Method.PACKETS, n_packets * packet_s - start_s, n_packets)


def _choices(
    by_packets: Move | None, delay_s: Fraction, suffixes: Sequence[str]
) -> tuple[Choice, ...]:
    choices: list[Choice] = []
    if by_packets is not None:
        error_ms = float(1000 * (by_packets.delay_s - delay_s))
        way = "late" if error_ms > 0 else "early"
        words = f"the nearest packet ({abs(error_ms):.1f} ms too {way})"
        choices.append(Choice(Inexact.NEAREST, f"{words}{_packets_words(by_packets)}"))
    choices.append(Choice(Inexact.REENCODE, "that audio as PCM (exact)"))
    if suffixes:
        choices.append(Choice(None, f"a name that ends in {' or '.join(suffixes)} (exact)"))
    return tuple(choices)


def _packets_words(by_packets: Move) -> str:
    packets = _packets(by_packets.n_units)
    if by_packets.n_units > 0:
        return f" by putting {packets} of encoded silence in front"
    return f" by cutting {packets} of sound off its head" if by_packets.n_units else ""


def _packets(count: int) -> str:
    return f"{abs(count)} packet{'s' * (abs(count) != 1)}"


def _packets_note(stream: str, move: Move, name: str, correction: Correction) -> str:
    packets = _packets(move.n_units)
    change = "stays as it is"
    if move.n_units:
        gets = f"gets {packets} of encoded silence in front of it"
        change = gets if move.n_units > 0 else f"loses {packets} at its head"
    error_s = move.delay_s - correction.audio_delay_s
    goal = f"{ms_text(error_s)} {_way(error_s)} than asked for" if error_s else "as asked for"
    place = f"{ms_text(move.delay_s)} {_way(move.delay_s)}, {goal}" if move.delay_s else goal
    return f"{stream} {change}, since {name} has no times: it comes {place}."


def _way(seconds: Fraction) -> str:
    return "later" if seconds > 0 else "earlier"
