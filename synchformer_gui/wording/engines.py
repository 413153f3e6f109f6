"""Who can answer, in words: the built-in model, the classical estimate, published models."""

import textwrap

from core.detection.result import Opinion, Reason
from core.model.store.catalog import BUILTIN, CLASSICAL, CatalogEntry

DOUBTFUL = 0.9
"""Confidence of the built-in model below which a better judge is named."""

BEST_FOR = {
    "audioset": "everyday sounds and dense scenes",
    "lrs3": "speaking faces",
}
"""What a published model judges better than the others, by its alias in the catalogue."""

BUILTIN_TITLE = "Built-in model"
CLASSICAL_TITLE = "Classical estimate"

AUTOMATIC = "The AudioSet model if it is installed, else the built-in model"
"""What "auto" stands for (`core.detection.engines.open.AUTO`)."""

_BUILTIN_BEST_FOR = "distinct events (impacts, flashes, barks, drums)"

BUILTIN_DESCRIPTION = f"{BUILTIN_TITLE}, trained on generated clips; best for {_BUILTIN_BEST_FOR}"
"""Its row in a list of models."""

ABOUT_BUILTIN = (
    "The built-in model was trained on generated clips only and is good for "
    f"{_BUILTIN_BEST_FOR}. For talking faces and dense scenes, and wherever it cannot tell, a "
    "published model is the better judge."
)
"""What is said where models are chosen, and where the built-in model is in doubt."""

_ABOUT_CLASSICAL = (
    "Published models are the better judges: the one trained on AudioSet for "
    f"{BEST_FOR['audioset']}, the one trained on LRS3 for {BEST_FOR['lrs3']}."
)
_DOWNLOAD = "To get one: synchformer-gui models download audioset (or lrs3)"
_LINE_WIDTH = 90


def engine_sentence(opinion: Opinion) -> str:
    """Say who answered."""
    if opinion.engine_id == CLASSICAL:
        return f"Answered by the {opinion.engine_name}: motion compared with sound onsets."
    article = "the " if opinion.engine_id == BUILTIN else ""
    return f"Answered by {article}{opinion.engine_name}."


def offer(opinion: Opinion) -> str:
    """Say when a published model would be the better judge; empty where none would be.

    No model finds anything in silence or in a still picture, and none of the published ones gives
    a narrower interval.
    """
    if opinion.engine_id == CLASSICAL:
        return _ABOUT_CLASSICAL
    estimate = opinion.estimate
    is_comparable = estimate.reason not in (Reason.NO_MOTION, Reason.SILENCE)
    is_doubtful = is_comparable and estimate.confidence < DOUBTFUL
    return ABOUT_BUILTIN if opinion.engine_id == BUILTIN and is_doubtful else ""


def offer_lines(opinion: Opinion) -> tuple[str, ...]:
    """Say the same in lines for a terminal, and how to get such a model."""
    text = offer(opinion)
    return (*textwrap.wrap(text, _LINE_WIDTH), _DOWNLOAD) if text else ()


def published_result(published: CatalogEntry) -> str:
    """Write the published accuracy of a model."""
    if not published.result:
        return "for training, does not answer by itself"
    return f"{published.result} on {published.tested_on}"
