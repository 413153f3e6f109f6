"""What a correction will make of a file, found out before anything is written."""

import math
from dataclasses import dataclass, replace
from enum import Enum
from fractions import Fraction
from pathlib import Path

from av.audio.format import AudioFormat
from av.audio.stream import AudioStream as AvAudioStream
from av.container import InputContainer

from core.correction.compatibility.stream_plan import StreamPlan, plan_streams
from core.correction.compatibility.tags import property_notes, tag_notes
from core.correction.correction import Correction, Inexact
from core.correction.plan.duration_notes import length_notes
from core.correction.plan.hidden_media import shown_by_others
from core.correction.plan.refusals import refusals
from core.correction.retime.codec_choice import PCM_16, AudioCoding, audio_coding
from core.correction.retime.notes import border_notes, place_notes
from core.media.formats.truncation import truncation_notes
from core.media.info import AudioStream, MediaInfo, start_of
from core.media.reader import open_container
from core.media.stream_kind import is_uncompressed, packet_samples, silent_packet

ACCEPTED_ERROR_S = Fraction(1, 1000)
"""One tick of Matroska and FLV, the coarsest of the containers that keep times."""


class Method(Enum):
    """How sound is moved."""

    TIMES = "times"
    """Packets get other times."""
    SAMPLES = "samples"
    """Uncompressed sound gets silence in front or loses its head."""
    PACKETS = "packets"
    """Coded sound gets packets of silence in front or loses packets at its head."""
    DECODED = "decoded"
    """The sound is decoded and laid out as PCM."""
    RETIMED = "retimed"
    """The sound is decoded, retimed and encoded again."""


@dataclass(frozen=True, slots=True)
class Move:
    """What happens to one audio stream.

    Attributes:
        stream_index: Stream of the source.
        method: How it is moved.
        delay_s: By how much it will be later, exactly; rounding to the container's ticks aside.
        n_units: Samples (of PACKETS: packets) put in front of it; negative, cut off.
        coding: How it is encoded, of RETIMED.
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
        words: What it does, as a part of a sentence.
    """

    inexact: Inexact | None
    words: str


@dataclass(frozen=True, slots=True)
class CorrectionPlan:
    """What a correction will make of a file.

    Attributes:
        streams: What becomes of the streams apart from their times.
        moves: What happens to those audio streams that are moved or laid out anew.
        remainder_s: By how much the sound will be later than asked for; negative if earlier.
        choices: What could be done where the container cannot carry the shift; empty if it can, or
            if the correction chooses already.
        refused: Sentences that say why nothing can be written.
        notes: Sentences that say what else will differ from the source.
        moved_s: By how much the sound will be later; negative if earlier. It is what was asked for,
            with the remainder.
        n_more_bytes: How much larger than the source the file gets at most by uncoded sound.
    """

    streams: StreamPlan
    moves: tuple[Move, ...]
    remainder_s: Fraction
    choices: tuple[Choice, ...]
    refused: tuple[str, ...]
    notes: tuple[str, ...]
    moved_s: Fraction = Fraction(0)
    n_more_bytes: int = 0

    @property
    def is_exact(self) -> bool:
        """Whether the sound gets where it is to go, to a tick of the container."""
        return not self.choices and abs(self.remainder_s) <= ACCEPTED_ERROR_S

    def move_of(self, stream_index: int) -> Move | None:
        """Return what happens to a stream; None if it is copied with its times."""
        return next((move for move in self.moves if move.stream_index == stream_index), None)


def plan_correction(info: MediaInfo, correction: Correction, target: Path) -> CorrectionPlan:
    """Tell what `write_corrected` will do, without writing anything.

    Args:
        info: The probed source.
        correction: The correction; it fits the source (`check_correction`).
        target: The file to be written; its suffix chooses the container.

    Raises:
        ExportError: The target's suffix names no container that can be written from this source.
        MediaError: The source cannot be opened.
    """
    with open_container(info.path) as reader:
        streams = plan_streams(reader, info.path, target)
        moves, choices = _moves(reader, info, correction, streams)
        lost = (*streams.left_out, *tag_notes(reader, info, target, streams.output))
    moved = [move for move in moves if move.stream_index in correction.audio_stream_indices]
    remainders_s = [move.delay_s - correction.audio_delay_s for move in moved]
    remainder_s = max(remainders_s, key=abs, default=Fraction(0))
    moved_s = correction.audio_delay_s + remainder_s
    refused = (*refusals(info, streams), *streams.refused, *_unencoded(info, moves, target))
    if choices:
        refused = (*refused, _refusal(info, target, choices))
    notes = (
        *truncation_notes(info),
        *lost,
        *property_notes(info, target, streams.output),
        *shown_by_others(info, target, streams.output),
        *_notes(moves, streams, info, correction),
        *length_notes(info, replace(correction, audio_delay_s=moved_s), streams.output),
        *place_notes(info, correction, streams.output),
        *border_notes(info, correction),
    )
    n_more = sum(_more_bytes(info, move) for move in moves)
    return CorrectionPlan(streams, moves, remainder_s, choices, refused, notes, moved_s, n_more)


def _moves(
    reader: InputContainer,
    info: MediaInfo,
    correction: Correction,
    streams: StreamPlan,
) -> tuple[tuple[Move, ...], tuple[Choice, ...]]:
    moves: list[Move] = []
    choices: tuple[Choice, ...] = ()
    for audio in info.audios:
        is_moved = audio.index in correction.audio_stream_indices
        delay_s = correction.audio_delay_s if is_moved else Fraction(0)
        if is_moved and correction.retiming is not None:
            coding = audio_coding(info, audio.index, streams.output)
            moves.append(Move(audio.index, Method.RETIMED, delay_s, coding=coding))
        elif streams.output.keeps_times:
            if is_moved:
                tick_s = streams.output.tick_s or Fraction(1, audio.sample_rate_hz)
                delay_s = round(delay_s / tick_s) * tick_s
                moves.append(Move(audio.index, Method.TIMES, delay_s))
        elif is_uncompressed(audio.codec):
            moves.append(_by_samples(audio, delay_s, Method.SAMPLES))
        elif is_moved:
            by_packets = _by_packets(reader.streams.get(audio.index)[0], audio, delay_s)
            is_close = by_packets is not None and by_packets.delay_s == delay_s
            if by_packets and (is_close or correction.inexact is Inexact.NEAREST):
                moves.append(by_packets)
            elif correction.inexact is Inexact.REENCODE:
                moves.append(_by_samples(audio, delay_s, Method.DECODED))
            else:
                choices = _choices(by_packets, delay_s)
    return tuple(moves), choices


def _more_bytes(info: MediaInfo, move: Move) -> int:
    """Return by how much a move makes a file larger at most."""
    audio = next(audio for audio in info.audios if audio.index == move.stream_index)
    coding = PCM_16 if move.method is Method.DECODED else move.coding
    if coding is None or coding.bit_rate or coding.codec == audio.codec:
        return 0
    n_samples = (audio.duration_s or info.duration_s) * audio.sample_rate_hz
    return math.ceil(n_samples) * audio.n_channels * AudioFormat(coding.sample_format).bytes


def _unencoded(info: MediaInfo, moves: tuple[Move, ...], target: Path) -> list[str]:
    """Say which sound cannot be encoded again."""
    return [
        f"{target.name} takes no sound that is encoded here in place of stream "
        f"{move.stream_index} of {info.path.name}; choose a name that ends in .mkv."
        for move in moves
        if move.method is Method.RETIMED and move.coding is None
    ]


def _by_samples(audio: AudioStream, delay_s: Fraction, method: Method) -> Move:
    start_s = start_of(audio)
    n_samples = round((start_s + delay_s) * audio.sample_rate_hz)
    shift_s = Fraction(n_samples, audio.sample_rate_hz) - start_s
    return Move(audio.index, method, shift_s, n_samples)


def _by_packets(stream: object, audio: AudioStream, delay_s: Fraction) -> Move | None:
    """Return the nearest shift by whole packets; None if there is no way to shift by packets."""
    if not isinstance(stream, AvAudioStream) or not packet_samples(stream):
        return None
    packet_s = Fraction(packet_samples(stream), audio.sample_rate_hz)
    start_s = start_of(audio)
    n_packets = round((start_s + delay_s) / packet_s)
    if n_packets > 0 and silent_packet(stream) is None:
        return None
    return Move(audio.index, Method.PACKETS, n_packets * packet_s - start_s, n_packets)


def _choices(by_packets: Move | None, delay_s: Fraction) -> tuple[Choice, ...]:
    choices: list[Choice] = []
    if by_packets is not None:
        error_ms = float(1000 * (by_packets.delay_s - delay_s))
        way = "late" if error_ms > 0 else "early"
        choices.append(
            Choice(
                Inexact.NEAREST,
                f"the nearest packet ({abs(error_ms):.1f} ms too {way}){_reached(by_packets)}",
            )
        )
    choices.append(Choice(Inexact.REENCODE, "to reencode that sound as PCM (exact)"))
    choices.append(Choice(None, "a name that ends in .mkv or .mov (exact)"))
    return tuple(choices)


def _reached(by_packets: Move) -> str:
    """Say how a shift by whole packets comes about."""
    packets = _packets(by_packets.n_units)
    if by_packets.n_units > 0:
        return f" by putting {packets} of encoded silence in front"
    return f" by cutting {packets} of sound off its head" if by_packets.n_units else ""


def _packets(count: int) -> str:
    return f"{abs(count)} packet{'s' * (abs(count) != 1)}"


def _refusal(info: MediaInfo, target: Path, choices: tuple[Choice, ...]) -> str:
    words = [choice.words for choice in choices]
    return (
        f"{target.name} cannot hold the coded sound of {info.path.name} at its exact place, since "
        f"{target.suffix[1:].upper()} keeps no times; choose {', '.join(words[:-1])}, "
        f"or {words[-1]}."
    )


def _notes(
    moves: tuple[Move, ...], streams: StreamPlan, info: MediaInfo, correction: Correction
) -> list[str]:
    """Say what happens to the sound itself."""
    name = streams.output.name.upper()
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
            ms = _ms(move.delay_s)
            notes.append(
                f"{stream} gets {ms} of silence in front of it, since {name} has no times."
            )
        else:
            ms = _ms(move.delay_s)
            notes.append(f"{stream} loses its first {ms}, which would be heard before the picture.")
    return notes


def _packets_note(stream: str, move: Move, name: str, correction: Correction) -> str:
    packets = _packets(move.n_units)
    said = "stays as it is"
    if move.n_units:
        gets = f"gets {packets} of encoded silence in front of it"
        said = gets if move.n_units > 0 else f"loses {packets} at its head"
    error_s = move.delay_s - correction.audio_delay_s
    goal = f"{_ms(error_s)} {_way(error_s)} than asked for" if error_s else "as asked for"
    place = f"{_ms(move.delay_s)} {_way(move.delay_s)}, {goal}" if move.delay_s else goal
    return f"{stream} {said}, since {name} has no times: it comes {place}."


def _way(seconds: Fraction) -> str:
    return "later" if seconds > 0 else "earlier"


def _ms(seconds: Fraction) -> str:
    return f"{abs(float(1000 * seconds)):.1f} ms".replace(".0 ms", " ms")
