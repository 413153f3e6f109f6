"""Engines in words: the built-in model, the classical estimate, published models."""

import textwrap

from core.detection.result import Opinion, Reason
from core.model.store.catalog import BUILTIN, CLASSICAL, CatalogEntry

DOUBTFUL = 0.9
"""Confidence of the built-in model below which a better model is named."""

BEST_FOR = {
    "audioset": "everyday sounds and dense scenes",
    "lrs3": "speaking faces",
}
"""Strength of each published model, by its alias in the catalogue."""

BUILTIN_TITLE = "Built-in model"
CLASSICAL_TITLE = "Classical estimate"

AUTOMATIC = "The AudioSet model if it is installed, else the built-in model"
"""Meaning of "auto" (`core.detection.engines.open.AUTO`)."""

_BUILTIN_BEST_FOR = "distinct events (impacts, flashes, barks, drums)"

BUILTIN_DESCRIPTION = f"{BUILTIN_TITLE}, trained on generated clips; best for {_BUILTIN_BEST_FOR}"
"""Row of the built-in model in a list of models."""

ABOUT_BUILTIN = (
    "The built-in model was trained on generated clips only and is good for "
    f"{_BUILTIN_BEST_FOR}. For talking faces and dense scenes, and wherever it cannot tell, use a "
    "published model."
)
"""Advice beside the choice of a model, and beside doubtful answers of the built-in model."""

_ABOUT_CLASSICAL = (
    "Published models are more reliable: use the one trained on AudioSet for "
    f"{BEST_FOR['audioset']}, the one trained on LRS3 for {BEST_FOR['lrs3']}."
)
_DOWNLOAD = "To get one: synchformer-gui models download audioset (or lrs3)"
_LINE_WIDTH = 90


def engine_sentence(opinion: Opinion) -> str:
    """Engine of an answer, as a sentence."""
    if opinion.engine_id == CLASSICAL:
        return f"Answered by the {opinion.engine_name}: motion compared with sound onsets."
    article = "the " if opinion.engine_id == BUILTIN else ""
    return f"Answered by {article}{opinion.engine_name}."


def better_model(opinion: Opinion) -> str:
    """Advice to use a published model; empty if none would do better.

    No model finds anything in silence or in a still picture, and no published model has a narrower
    interval.
    """
    if opinion.engine_id == CLASSICAL:
        return _ABOUT_CLASSICAL
    estimate = opinion.estimate
    is_comparable = estimate.reason not in (Reason.NO_MOTION, Reason.SILENCE)
    is_doubtful = is_comparable and estimate.confidence < DOUBTFUL
    return ABOUT_BUILTIN if opinion.engine_id == BUILTIN and is_doubtful else ""


def better_model_lines(opinion: Opinion) -> tuple[str, ...]:
    """`better_model` in lines for a terminal, with the command to download one."""
    text = better_model(opinion)
    return (*textwrap.wrap(text, _LINE_WIDTH), _DOWNLOAD) if text else ()


def published_result(published: CatalogEntry) -> str:
    """Published accuracy of a model."""
    if not published.result:
        return "for training only, cannot detect by itself"
    return f"{published.result} on {published.tested_on}"
