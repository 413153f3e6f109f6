"""Kind of a checkpoint, identified by the names of its weights; `checkpoint` checks the shapes."""

from collections.abc import Iterable
from enum import StrEnum


class CheckpointKind(StrEnum):
    """Kinds of weights, one per stage of training."""

    SYNC = "sync"
    SYNCHABILITY = "synchability"
    EXTRACTORS = "extractors"


STAGE_1_TOWERS = {"v_encoder.": "vfeat_extractor.", "a_encoder.": "afeat_extractor."}
"""Prefixes of a tower's weights: in files of the first training stage, and in all others."""

_COMMON = {
    "the visual tower": "vfeat_extractor.",
    "the audio tower": "afeat_extractor.",
    "the synchronization module": "transformer.",
}

PARTS = {
    CheckpointKind.SYNC: _COMMON | {"the offset head": "transformer.off_head."},
    CheckpointKind.SYNCHABILITY: _COMMON | {"the synchronizability head": "transformer.sync_head."},
    CheckpointKind.EXTRACTORS: {
        "the visual tower": "v_encoder.",
        "the audio tower": "a_encoder.",
    },
}
"""Required parts of each kind: description of the part, and prefix of its weights."""


def identify(names: Iterable[str]) -> CheckpointKind | None:
    """Find the kind with all parts present, None if there is none."""
    known = tuple(names)
    kinds = (kind for kind in CheckpointKind if len(present_parts(known, kind)) == len(PARTS[kind]))
    return next(kinds, None)


def present_parts(names: Iterable[str], kind: CheckpointKind) -> list[str]:
    """Descriptions of the parts present, for a kind."""
    known = tuple(names)
    return [
        words
        for words, start in PARTS[kind].items()
        if any(name.startswith(start) for name in known)
    ]
