"""Speech synthesis with libespeak-ng and phoneme times; runs as a separate process.

The library keeps state between utterances; only a fresh process gives the same sound for the same
text. Standard library only, to start within 30 ms.

stdin: JSON list of [voice, text, words per minute, pitch 0-99, pitch range 0-99].
stdout: per text one line of JSON {"n_bytes", "phonemes": [[sample, IPA], ...]}, then 16-bit samples
at 22050 Hz.
"""

import ctypes
import json
import sys

_SYNCHRONOUS, _PHONEME_EVENTS, _AS_IPA = 2, 1, 2
_RATE, _PITCH, _RANGE = 1, 3, 4
_UTF8 = 1
_LIST_END, _PHONEME = 0, 7


class _Name(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    """espeak_EVENT of espeak-ng's speak_lib.h (1.50 and later)."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position_ms", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Name),
    )


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


def main() -> None:
    """Speak the texts from stdin."""
    library = ctypes.CDLL("libespeak-ng.so.1")
    library.espeak_Initialize(_SYNCHRONOUS, 0, None, _PHONEME_EVENTS | _AS_IPA)
    blocks: list[bytes] = []
    phonemes: list[tuple[int, str]] = []

    def keep(samples: "ctypes._Pointer[ctypes.c_short]", n_samples: int, events: object) -> int:
        if n_samples > 0:
            blocks.append(ctypes.string_at(samples, 2 * n_samples))
        index = 0
        while (event := events[index]).type != _LIST_END:  # type: ignore[index]
            if event.type == _PHONEME:
                phonemes.append((event.sample, event.id.string.decode("utf-8", "ignore")))
            index += 1
        return 0

    callback = _Callback(keep)
    library.espeak_SetSynthCallback(callback)
    for voice, text, words_per_minute, pitch, pitch_range in json.load(sys.stdin):
        blocks.clear()
        phonemes.clear()
        if library.espeak_SetVoiceByName(voice.encode()) != 0:
            sys.exit(f"espeak-ng has no voice {voice}")
        library.espeak_SetParameter(_RATE, words_per_minute, 0)
        library.espeak_SetParameter(_PITCH, pitch, 0)
        library.espeak_SetParameter(_RANGE, pitch_range, 0)
        data = text.encode() + b"\0"
        library.espeak_Synth(data, len(data), 0, 1, 0, _UTF8, None, None)
        sound = b"".join(blocks)
        header = json.dumps({"n_bytes": len(sound), "phonemes": phonemes})
        sys.stdout.buffer.write(header.encode() + b"\n" + sound)


if __name__ == "__main__":
    main()
