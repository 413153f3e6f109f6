"""Kind of a checkpoint, identified by the names of its weights; `refusals` checks the shapes."""

from collections.abc import Iterable
from enum import StrEnum


class CheckpointKind(StrEnum):
    """Kinds of weights, one per stage of training."""

    SYNC = "sync"
    SYNCHABILITY = "synchability"
    EXTRACTORS = "extractors"


STAGE_1_TOWERS = {"v_encoder.": "vfeat_extractor.", "a_encoder.": "afeat_extractor."}
"""Prefixes of a tower's weights: in files of the first training stage, and in all others."""

_TOWERS = {"the visual tower": "vfeat_extractor.", "the audio tower": "afeat_extractor."}
_OFFSET_HEAD = {"the offset head": "transformer.off_head."}
_SYNCHABILITY_HEAD = {"the synchronizability head": "transformer.sync_head."}
_MODULE = {"the synchronization module": "transformer."}

_PARTS = {
    CheckpointKind.SYNC: _TOWERS | _MODULE | _OFFSET_HEAD,
    CheckpointKind.SYNCHABILITY: _TOWERS | _MODULE | _SYNCHABILITY_HEAD,
    CheckpointKind.EXTRACTORS: {
        words: stage_1
        for words, start in _TOWERS.items()
        for stage_1, tower in STAGE_1_TOWERS.items()
        if tower == start
    },
}
"""Required parts of each kind: description of the part, and prefix of its weights."""


def identify(names: Iterable[str]) -> CheckpointKind | None:
    """Find the kind with all parts present, None if there is none."""
    known = tuple(names)
    return next((kind for kind in CheckpointKind if not missing_parts(known, kind)), None)


def nearest_kind(names: Iterable[str]) -> CheckpointKind:
    """Find the kind with the most parts present; the first of a tie."""
    known = tuple(names)
    return max(CheckpointKind, key=lambda kind: len(present_parts(known, kind)))


def present_parts(names: Iterable[str], kind: CheckpointKind) -> tuple[str, ...]:
    """Descriptions of the parts present, for a kind."""
    known = tuple(names)
    return tuple(words for words, start in _PARTS[kind].items() if _any_begins(known, start))


def missing_parts(names: Iterable[str], kind: CheckpointKind) -> tuple[str, ...]:
    """Descriptions of the parts missing, for a kind."""
    present = present_parts(names, kind)
    return tuple(words for words in _PARTS[kind] if words not in present)


def _any_begins(names: tuple[str, ...], start: str) -> bool:
    return any(name.startswith(start) for name in names)
