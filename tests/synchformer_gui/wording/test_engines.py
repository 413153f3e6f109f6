import re

import pytest

from core.detection.result import OffsetEstimate, Opinion, Reason, Verdict
from core.model.checkpoints.kind import CheckpointKind
from core.model.store.catalog import CATALOG
from synchformer_gui.wording.engines import (
    BEST_FOR,
    better_model,
    better_model_lines,
    engine_sentence,
)


def opinion(engine_id, confidence=0.99, reason=Reason.NONE):
    verdict = Verdict.CANNOT_TELL if reason else Verdict.OUT_OF_SYNC
    estimate = OffsetEstimate(0.16, (0.1, 0.2), 0.9, confidence, verdict, reason, 17)
    return Opinion("somebody", engine_id, estimate)


def test_the_answer_names_who_gave_it():
    said = {who: engine_sentence(opinion(who)) for who in ("classical", "builtin", "x")}

    assert said["classical"].startswith("Answered by the somebody: motion")
    assert said["builtin"] == "Answered by the somebody."
    assert said["x"] == "Answered by somebody."


def test_the_advice_names_the_strength_of_each_model():
    text = better_model(opinion("classical"))

    assert re.search(r"AudioSet for [^,]*dense scenes", text)
    assert re.search(r"LRS3 for [^,]*faces", text)
    answering = {entry.alias for entry in CATALOG if entry.kind is CheckpointKind.SYNC}
    assert set(BEST_FOR) <= answering


@pytest.mark.parametrize(
    ("confidence", "reason"), [(0.4, Reason.NOT_CONFIDENT), (0.8, Reason.NONE)]
)
def test_in_doubt_the_built_in_model_names_a_better_one(confidence, reason):
    unsure = opinion("builtin", confidence, reason)

    assert "trained on generated clips only" in better_model(unsure)
    assert "talking faces" in better_model(unsure)
    assert "models download audioset" in better_model_lines(unsure)[-1]
    assert max(map(len, better_model_lines(unsure))) <= 90


@pytest.mark.parametrize(
    "answered",
    [
        opinion("builtin"),
        opinion("builtin", 0.99, Reason.TOO_COARSE),
        opinion("builtin", 0.1, Reason.SILENCE),
        opinion("builtin", 0.1, Reason.NO_MOTION),
        opinion("24-01-04T16-39-21", 0.1, Reason.NOT_CONFIDENT),
    ],
)
def test_where_no_model_would_be_better_none_is_named(answered):
    assert better_model(answered) == ""
    assert better_model_lines(answered) == ()
