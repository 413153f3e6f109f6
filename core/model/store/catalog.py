"""Catalogue of the published checkpoints: description, addresses and hashes.

Facts from the README of github.com/v-iashin/Synchformer and from github.com/hkchengrex/MMAudio.
"""

from dataclasses import dataclass
from urllib.parse import urlsplit

from core.errors import CheckpointError
from core.model.checkpoints.kind import CheckpointKind

PUBLISHED_AT = "https://a3s.fi/swift/v1/AUTH_a235c0f452d648828f745589cde1219a/sync/sync_models/"
"""Address of the files of the authors of Synchformer."""

MMAUDIO_RELEASE = "https://github.com/hkchengrex/MMAudio/releases/download/v0.1/"
"""Address of a plain copy of the AudioSet weights."""

LICENCE = (
    "Published with the Synchformer code under the MIT licence; the clips that a model was trained "
    "on keep their own terms."
)

DROPPED_PRIMING_S = 1024 / 16_000
"""Audio lost at the start of a training clip if the decoder skipped AAC priming twice."""

_SYNC_N_BYTES = 1_130_000_000
"""Approximate: all weights, and two optimizer moments of the 22.6 million trained, in float32."""

_EXTRACTORS_N_BYTES = 2_580_000_000
"""Approximate: 214.8 million weights and two optimizer moments of each, in float32."""


@dataclass(frozen=True, slots=True)
class Source:
    """One address of a checkpoint.

    Attributes:
        url: HTTPS address; plain HTTP is accepted from this computer only.
        md5_prefix: Published prefix of the MD5 of the file, lower case.
        size_hint: Approximate size in bytes.
    """

    url: str
    md5_prefix: str
    size_hint: int

    def __post_init__(self) -> None:
        if not is_trusted(self.url):
            raise ValueError(f"expected an https address, got {self.url}")


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """A published checkpoint.

    Attributes:
        id: Name of the training run and of the installed model.
        alias: Short name for users.
        kind: Kind of the model.
        title: Name to show.
        tested_on: Data set of the published result; empty if there is none.
        result: Published result in words; empty if there is none.
        sources: Addresses, the preferred one first.
        training_audio_early_s: Lead of the audio in the training clips, in seconds, caused by a
            decoder that dropped AAC priming twice. The model reports 0 for audio this early, so
            add the lead to its offsets. Inferred from the published tables of fixed offsets, not
            verified by running that decoder.
        licence: Terms of use, as stated by the publisher.
    """

    id: str
    alias: str
    kind: CheckpointKind
    title: str
    tested_on: str
    result: str
    sources: tuple[Source, ...]
    training_audio_early_s: float = 0.0
    licence: str = LICENCE


def is_trusted(url: str) -> bool:
    """Check that a download from an address cannot be altered on the way."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (
        parts.scheme == "http" and parts.hostname in {"127.0.0.1", "localhost"}
    )


def entry(name: str) -> CatalogEntry:
    """Find a published checkpoint by id or alias.

    Raises:
        CheckpointError: The name is unknown; the message lists the known aliases.
    """
    for candidate in CATALOG:
        if name in {candidate.id, candidate.alias}:
            return candidate
    known = ", ".join(candidate.alias for candidate in CATALOG)
    raise CheckpointError(f"No published model is called {name}; there are {known}.")


def entry_for_md5(md5: str) -> CatalogEntry | None:
    """Find a published checkpoint by the MD5 of one of its files, None if there is none."""
    pairs = ((one, source.md5_prefix) for one in CATALOG for source in one.sources)
    return next((one for one, md5_prefix in pairs if md5.startswith(md5_prefix)), None)


def training_audio_early_s(model_id: str) -> float:
    """Lead of the audio in the training clips of a model, in seconds; 0 if unknown."""
    return next((one.training_audio_early_s for one in CATALOG if one.id == model_id), 0.0)


def _entry(
    kind: CheckpointKind, run: str, md5_prefix: str, alias: str, data_set: str
) -> CatalogEntry:
    is_extractor = kind is CheckpointKind.EXTRACTORS
    file = "checkpoints/epoch_best.pt" if is_extractor else f"{run}.pt"
    n_bytes = _EXTRACTORS_N_BYTES if is_extractor else _SYNC_N_BYTES
    original = Source(f"{PUBLISHED_AT}{run}/{file}", md5_prefix, n_bytes)
    tested_on, result = _RESULTS.get(alias, ("", ""))
    return CatalogEntry(
        id=run,
        alias=alias,
        kind=kind,
        title=f"{_TITLES[kind]}, trained on {data_set}",
        tested_on=tested_on,
        result=result,
        sources=(*_COPIES.get(alias, ()), original),
        training_audio_early_s=DROPPED_PRIMING_S if data_set == "VGGSound" else 0.0,
    )


_TITLES = {
    CheckpointKind.SYNC: "Synchformer",
    CheckpointKind.SYNCHABILITY: "Synchronizability",
    CheckpointKind.EXTRACTORS: "Feature extractors",
}

_RESULTS = {
    "audioset": ("VGGSound-Sparse", "47.2 % right, 67.4 % within one class"),
    "vggsound": ("VGGSound-Sparse", "43.8 % right, 60.2 % within one class"),
    "lrs3": ("LRS3 full scene", "86.6 % right, 99.6 % within one class"),
    "synchability": ("VGGSound-Sparse", "73.5 % right, area under the ROC curve 0.83"),
}
"""Published results by alias: data set of the test (the LRS3 model was also trained on the full
scene), and the result in words."""

_COPIES = {
    "audioset": (
        Source(
            f"{MMAUDIO_RELEASE}synchformer_state_dict.pth",
            "5b2f5594b0730f70e41e549b7c94390c",
            950_000_000,
        ),
    )
}
"""Addresses of copies by alias, preferred to the original."""

CATALOG = (
    _entry(CheckpointKind.SYNC, "24-01-04T16-39-21", "54037d2", "audioset", "AudioSet"),
    _entry(CheckpointKind.SYNC, "24-01-02T10-00-53", "19592ed", "vggsound", "VGGSound"),
    _entry(CheckpointKind.SYNC, "23-12-23T18-33-57", "4415276", "lrs3", "LRS3 (speech)"),
    _entry(CheckpointKind.SYNCHABILITY, "24-01-22T20-34-52", "b1cb346", "synchability", "AudioSet"),
    *(
        _entry(CheckpointKind.EXTRACTORS, run, md5_prefix, f"{alias}-extractors", data_set)
        for run, md5_prefix, alias, data_set in (
            ("23-12-22T16-13-38", "4a566f2", "audioset", "AudioSet"),
            ("23-12-22T16-10-50", "a9979df", "vggsound", "VGGSound"),
            ("23-12-22T16-04-18", "20b6e55", "lrs3", "LRS3 (speech)"),
        )
    ),
)
"""All published checkpoints; within a kind the most widely usable first."""

AUTO, BUILTIN, CLASSICAL = "auto", "builtin", "classical"
"""Names accepted in place of a model; no installed model can have them."""
