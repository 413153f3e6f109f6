"""Tells what a checkpoint is by the names of its weights; leaves their shapes to `checkpoint`."""

from collections.abc import Iterable
from enum import StrEnum


class CheckpointKind(StrEnum):
    """What a set of weights is good for; the three stages of training."""

    SYNC = "sync"
    SYNCHABILITY = "synchability"
    EXTRACTORS = "extractors"


STAGE_1_TOWERS = {"v_encoder.": "vfeat_extractor.", "a_encoder.": "afeat_extractor."}
"""How the names of a tower's weights begin in files of the first training stage, and elsewhere."""

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
"""What each kind cannot do without: the part in words and how the names of its weights begin."""


def identify(names: Iterable[str]) -> CheckpointKind | None:
    """Return the kind of which every part is there, None if there is no such kind."""
    known = tuple(names)
    return next((kind for kind in CheckpointKind if not missing_parts(known, kind)), None)


def nearest_kind(names: Iterable[str]) -> CheckpointKind:
    """Return the kind of which the most parts are there; the first one of a tie."""
    known = tuple(names)
    return max(CheckpointKind, key=lambda kind: len(present_parts(known, kind)))


def present_parts(names: Iterable[str], kind: CheckpointKind) -> tuple[str, ...]:
    """Return the parts of a kind that are there, in words."""
    known = tuple(names)
    return tuple(words for words, start in _PARTS[kind].items() if _any_begins(known, start))


def missing_parts(names: Iterable[str], kind: CheckpointKind) -> tuple[str, ...]:
    """Return the parts of a kind that are not there, in words."""
    present = present_parts(names, kind)
    return tuple(words for words in _PARTS[kind] if words not in present)


def _any_begins(names: tuple[str, ...], start: str) -> bool:
    return any(name.startswith(start) for name in names)
