"""Spoken sentences with phoneme times: espeak-ng, made fuller and more varied.

Needs the shared library of espeak-ng (Debian package `espeak-ng`).
"""

import ctypes.util
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d
from scipy.signal import resample_poly

from core.errors import SyncError
from training.data.synthetic.chance import LEAD_S, log_uniform
from training.data.synthetic.performance import SOUND_RATE_HZ

VARIANTS: tuple[str, ...] = (
    *("m1", "m2", "m3", "m4", "m6", "f1", "f2", "f3", "f5", "croak", "whisper", "klatt"),
    *("klatt2", "klatt3", "adam", "linda", "edward", "belinda", "max", "anika", "robert"),
)
HELD_OUT_VARIANTS = ("m5", "m7", "m8", "f4", "klatt4", "steph", "grandma", "quincy", "michel")

_PLOSIVES = frozenset("pbtdkɡgʔcɟqʈɖ")
_MOST_CLOSURE_S = 0.16

_WORDS = {
    "en-us": "the a about people maybe problem morning before water mother we really want to go "
    "home because everybody sometimes beautiful something number put up big small company Bob "
    "Mary remember is was from happy above important paper open and but my",
    "de": "der die das mein Apfel Baum immer weiter machen haben Problem guten Morgen wir bleiben "
    "aber oben unter Papier sprechen Mutter Wasser bitte warum vielleicht überall schön und Peter "
    "Berlin kommt nie zum Abend",
    "fr": "le la une bonjour maman papa petit beaucoup problème pomme pourquoi toujours avec "
    "nous avons mais parler maison où belle demain impossible bateau monde et Pierre Marie",
    "es": "el la una bueno mamá papá poco problema hombre porque siempre nosotros tenemos pero "
    "hablar casa mañana imposible barco mundo y Pablo María abuela también cuando",
    "it": "il la una buono mamma papà poco problema uomo perché sempre abbiamo però parlare casa "
    "domani impossibile barca mondo e Paolo bambino bello tempo quando",
    "pt": "o a uma bom mamãe papai pouco problema homem porque sempre temos mas falar casa amanhã "
    "impossível barco mundo e Pedro também bonito tempo quando",
    "ru": "мама папа баба большой проблема потому всегда мы имеем но говорить дом завтра "
    "невозможно мир и Пётр время когда вместе берег может быть",
    "pl": "mama babcia mały problem ponieważ zawsze mamy ale mówić dom jutro niemożliwe "
    "świat i Piotr piękny czas kiedy woda pomoc może być",
    "nl": "de het een moeder papa klein probleem omdat altijd wij hebben maar spreken huis morgen "
    "onmogelijk boot wereld en Pieter mooi tijd wanneer water blijven",
    "sv": "en ett mamma pappa liten problem därför alltid vi har men tala hem imorgon omöjligt "
    "båt världen och Peter vacker tid vatten blir inte bara",
    "tr": "bir anne baba küçük problem çünkü her zaman biz ama konuşmak ev yarın imkansız "
    "dünya ve Mehmet güzel bugün su merhaba bana",
    "hi": "माँ पापा बाबा छोटा समस्या हमेशा हम लेकिन बोलना घर कल दुनिया और सुंदर समय पानी बहुत मेरा नाम",
    "cmn-latn-pinyin": "ni3 hao3 ming2tian1 wo3men5 pa4 mao1 ba4ba5 ma1ma5 peng2you3 bei3jing1 "
    "shui3 bu4 mei3 ren2 wei4shen2me5 xie4xie5 zai4 da4 xiao3",
    "ja": "わたし ありがとう まいばん ぱぱ さくら おはよう みず いつも "
    "しかし はなす いえ あした せかい と ともだち べんり まもなく",
    "fi": "minä äiti isä pieni ongelma koska aina meillä mutta puhua talo huomenna mahdoton vene "
    "maailma ja Pekka kaunis aika vesi hyvää päivää",
    "el": "μαμά μπαμπάς μικρό πρόβλημα γιατί πάντα εμείς αλλά μιλάω σπίτι αύριο αδύνατο βάρκα "
    "κόσμος και Πέτρος όμορφο νερό καλημέρα",
    "hu": "anya apa kicsi probléma mert mindig nekünk van de beszélni ház holnap lehetetlen hajó "
    "világ és Péter szép idő víz jó napot",
}
LANGUAGES: tuple[str, ...] = (
    *("en-us", "en-gb-x-rp", "de", "fr", "es", "es-419", "it", "pt", "pt-br", "ru", "pl"),
    *("nl", "sv", "tr", "hi", "cmn-latn-pinyin", "ja"),
)
HELD_OUT_LANGUAGES = ("fi", "el", "hu")
_SAME_WORDS = {"en-gb-x-rp": "en-us", "es-419": "es", "pt-br": "pt"}


def _sentence(rng: np.random.Generator, language: str) -> str:
    """Draw a few words of a language, with commas, numbers and a final mark."""
    words = _WORDS[_SAME_WORDS.get(language, language)].split()
    chosen = []
    for _ in range(int(rng.integers(2, 13))):
        word = str(rng.choice(words))
        if rng.random() < 0.05:
            word = str(rng.integers(1, 2000))
        chosen.append(word + ("," if rng.random() < 0.09 else ""))
    return " ".join(chosen) + str(rng.choice([".", ".", ".", "!", "?"]))


class SpeechError(SyncError):
    """Speech cannot be synthesized on this machine."""


@dataclass(frozen=True, slots=True)
class Phoneme:
    """One sound of speech.

    Attributes:
        symbol: IPA, perhaps with marks of length; diphthongs have two vowels.
        start_s: Clip time of the complete articulation; for plosives, of the closure.
        end_s: Start of the next phoneme.
        release_s: For plosives, time of the burst; otherwise `end_s`.
        loudness: RMS relative to the loudest vowels of the utterance, about 0 to 1.
    """

    symbol: str
    start_s: float
    end_s: float
    release_s: float
    loudness: float


@dataclass(frozen=True, slots=True)
class Voice:
    """Parameters of a voice of espeak-ng, constant over a clip."""

    language: str
    variant: str
    words_per_minute: int
    pitch: int
    pitch_range: int
    shift: float
    """Factor of all frequencies, as of a shorter or longer vocal tract."""


@dataclass(frozen=True, slots=True, eq=False)
class Utterance:
    """A sentence starting at time 0: (N,) float32 at 48 kHz, and its phonemes."""

    sound: NDArray[np.float32]
    phonemes: tuple[Phoneme, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Talk:
    """All speech of a clip.

    Attributes:
        sound: (n_samples,) float32 at 48 kHz from clip time 0, peak at most 0.9.
        phonemes: Per voice, in clip time and in order, also before 0 and beyond the end.
    """

    sound: NDArray[np.float32]
    phonemes: tuple[tuple[Phoneme, ...], ...]


def is_available() -> bool:
    """True if espeak-ng is installed."""
    return ctypes.util.find_library("espeak-ng") is not None


def cast_voice(rng: np.random.Generator, *, is_held_out: bool) -> Voice:
    """Draw a voice, from the training voices or from the held-out ones."""
    return Voice(
        language=str(rng.choice(HELD_OUT_LANGUAGES if is_held_out else LANGUAGES)),
        variant=str(rng.choice(HELD_OUT_VARIANTS if is_held_out else VARIANTS)),
        words_per_minute=int(rng.integers(110, 221)),
        pitch=int(rng.integers(20, 91)),
        pitch_range=int(rng.integers(20, 90)),
        shift=float(np.exp(rng.uniform(-0.15, 0.15))),
    )


def speak(voices_and_texts: Sequence[tuple[Voice, str]]) -> list[Utterance]:
    """Speak texts; the same arguments always give the same samples.

    Raises:
        SpeechError: espeak-ng is not installed.
    """
    if not is_available():
        raise SpeechError("Speech needs espeak-ng; install the Debian package espeak-ng.")
    orders = [
        (f"{v.language}+{v.variant}", text, v.words_per_minute, v.pitch, v.pitch_range)
        for v, text in voices_and_texts
    ]
    worker = Path(__file__).with_name("espeak_worker.py")
    ran = subprocess.run(
        [sys.executable, "-I", "-S", str(worker)],
        input=json.dumps(orders).encode(),
        capture_output=True,
        timeout=60,
        check=False,
    )
    if ran.returncode != 0:
        raise SpeechError(
            "espeak-ng cannot speak; install the Debian package espeak-ng (1.50 or newer).",
            details=ran.stderr.decode(errors="replace"),
        )
    found, rest = [], ran.stdout
    for voice, _ in voices_and_texts:
        line, _, rest = rest.partition(b"\n")
        header = json.loads(line)
        samples = np.frombuffer(rest[: header["n_bytes"]], np.int16)
        rest = rest[header["n_bytes"] :]
        found.append(_utterance(samples, header["phonemes"], voice.shift))
    return found


def talk(rng: np.random.Generator, duration_s: float, voices: Sequence[Voice]) -> Talk:
    """Speak irregular sentences with one voice, or with several voices in turns.

    Args:
        rng: Source of all randomness.
        duration_s: Length of the clip; sentences extend beyond both ends.
        voices: Voices of the speakers; turns change at random.
    """
    # The slowest voices need 0.35 s per word; text beyond the end is cut off.
    n_sentences = round((duration_s + 2 * LEAD_S) / 2.2) + 2
    turns = [0]
    while len(turns) < n_sentences:
        is_next = rng.random() < 0.6
        turns.append((turns[-1] + int(is_next)) % len(voices))
    said = speak([(voices[k], _sentence(rng, voices[k].language)) for k in turns])
    typical_pause_s = log_uniform(rng, 0.25, 0.9)
    sound = np.zeros(round((duration_s + 2 * LEAD_S) * SOUND_RATE_HZ), np.float32)
    tracks: list[list[Phoneme]] = [[] for _ in voices]
    start_s = -LEAD_S + float(rng.uniform(-0.3, 1.0)) * typical_pause_s
    for k, utterance in zip(turns, said, strict=True):
        if start_s > duration_s + LEAD_S:
            break
        start_s = max(start_s, -LEAD_S)
        level = float(rng.uniform(0.6, 1.0))
        _add(sound, level * utterance.sound, start_s + LEAD_S)
        tracks[k] += [_moved(p, start_s) for p in utterance.phonemes]
        if rng.random() < 0.4:
            length_s = float(rng.uniform(0.15, min(0.45, typical_pause_s + 0.1)))
            _add(sound, _breath(rng, length_s), start_s + LEAD_S - length_s - 0.03)
        pause_s = typical_pause_s * float(np.exp(0.6 * rng.standard_normal()))
        start_s += utterance.sound.size / SOUND_RATE_HZ + float(np.clip(pause_s, 0.2, 2.5))
    sound = _enriched(rng, sound, [p for track in tracks for p in track])
    begin = round(LEAD_S * SOUND_RATE_HZ)
    inside = sound[begin : begin + round(duration_s * SOUND_RATE_HZ)]
    peak = float(np.abs(inside).max()) + 1e-6
    return Talk((inside * (0.9 / peak)).astype(np.float32), tuple(tuple(t) for t in tracks))


def envelope(sound: NDArray[np.float32], window_s: float) -> NDArray[np.float32]:
    """RMS of (N,) sound at 48 kHz in a centred window, (N,) float32."""
    power = uniform_filter1d(sound.astype(np.float64) ** 2, round(window_s * SOUND_RATE_HZ))
    return np.sqrt(np.maximum(power, 0)).astype(np.float32)


def _utterance(
    samples: NDArray[np.int16], events: Sequence[tuple[int, str]], shift: float
) -> Utterance:
    down = round(147 * shift)
    sound = resample_poly(samples / 32768, 320, down).astype(np.float32)
    # espeak-ng speaks at 22050 Hz, 147 / 320 of 48 kHz. Raising the pitch by resampling shortens
    # all durations by the same factor.
    scale = 320 / down / SOUND_RATE_HZ
    loud = envelope(sound, 0.01)
    level = float(np.percentile(loud, 95)) + 1e-6
    found = []
    ends = [position for position, _ in events[1:]] + [samples.size]
    for (position, symbol), end in zip(events, ends, strict=True):
        if not symbol or symbol.startswith("(") or end <= position:
            continue
        start_s, end_s = position * scale, end * scale
        begin, stop = (round(t * SOUND_RATE_HZ) for t in (start_s, end_s))
        loudness = float(loud[begin : max(stop, begin + 1)].max(initial=0.0)) / level
        closed_s, release_s = start_s, end_s
        if symbol[0] in _PLOSIVES:
            closed_s, release_s = _closure(loud, level, start_s, end_s)
        found.append(Phoneme(symbol, closed_s, end_s, release_s, min(loudness, 1.3)))
    return Utterance(sound, tuple(found))


def _closure(
    loud: NDArray[np.float32], level: float, start_s: float, end_s: float
) -> tuple[float, float]:
    """Times of the closure and the burst of a plosive; espeak-ng reports one or the other.

    After silence the reported time is the burst, and the silence is the closure. Otherwise the
    reported time is the start of a voiced closure, with the burst at the weakest sound.
    """
    begin = round(start_s * SOUND_RATE_HZ)
    # The window of the envelope reaches 5 ms into the burst.
    before = loud[max(begin - round(_MOST_CLOSURE_S * SOUND_RATE_HZ), 0) : max(begin - 300, 0)]
    is_loud = np.flatnonzero(before > 0.04 * level)
    silence = before.size - (int(is_loud[-1]) + 1 if is_loud.size else 0)
    if silence > 0.012 * SOUND_RATE_HZ or begin < 600:
        return start_s - max(silence + 300, 0.04 * SOUND_RATE_HZ) / SOUND_RATE_HZ, start_s + 0.004
    inside = loud[begin : round(end_s * SOUND_RATE_HZ)]
    weakest = int(np.argmin(inside)) if inside.size else 0
    return start_s, max(start_s + weakest / SOUND_RATE_HZ, start_s + 0.5 * (end_s - start_s))


def _moved(phoneme: Phoneme, by_s: float) -> Phoneme:
    return Phoneme(
        phoneme.symbol,
        phoneme.start_s + by_s,
        phoneme.end_s + by_s,
        phoneme.release_s + by_s,
        phoneme.loudness,
    )


def _add(sound: NDArray[np.floating], part: NDArray[np.floating], at_s: float) -> None:
    begin = max(round(at_s * SOUND_RATE_HZ), 0)
    end = min(begin + part.size, sound.size)
    if end > begin:
        sound[begin:end] += part[: end - begin]


def _breath(rng: np.random.Generator, length_s: float) -> NDArray[np.float32]:
    noise = rng.standard_normal(round(length_s * SOUND_RATE_HZ)).astype(np.float32)
    swell = np.sin(np.linspace(0, np.pi, noise.size)) ** 1.5
    smooth = uniform_filter1d(noise, int(rng.integers(4, 30)))
    return (float(rng.uniform(0.01, 0.06)) * swell * smooth).astype(np.float32)


def _enriched(
    rng: np.random.Generator, sound: NDArray[np.float32], phonemes: Sequence[Phoneme]
) -> NDArray[np.float32]:
    """Add breathiness, creak and bursts, then an equaliser drawn for the clip."""
    noise = rng.standard_normal(sound.size).astype(np.float32)
    hiss = np.diff(noise, prepend=0.0)
    rich = sound + float(rng.uniform(0, 0.12)) * envelope(sound, 0.012) * hiss
    if rng.random() < 0.3:
        gate = uniform_filter1d(noise, 900)
        creak = np.clip(1 + float(rng.uniform(5, 25)) * gate, 0.2, 1.6)
        rich = rich * creak
    burst_level = float(rng.uniform(0, 0.25))
    burst = hiss[:600] * np.exp(-np.arange(600) / 120)
    for phoneme in phonemes:
        if phoneme.symbol[0] in _PLOSIVES:
            _add(rich, burst_level * phoneme.loudness * burst * 0.3, phoneme.release_s + LEAD_S)
    spectrum = np.fft.rfft(rich)
    bands_hz = np.geomspace(60, 20_000, 9)
    gains_db = rng.normal(0, 4, bands_hz.size)
    frequencies_hz = np.linspace(1, SOUND_RATE_HZ / 2, spectrum.size)
    gain = 10 ** (np.interp(np.log(frequencies_hz), np.log(bands_hz), gains_db) / 20)
    return np.fft.irfft(spectrum * gain, sound.size).astype(np.float32)
