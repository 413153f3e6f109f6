from dataclasses import replace

import pytest

from core.detection.classical.engine import ClassicalEngine
from core.detection.detector import detect
from core.detection.result import Reason, Verdict
from core.timing import Tolerance, tolerance_named
from synchformer_gui.tasks import judge_again

GENEROUS = Tolerance("generous", "Generous", 1.5, 1.5)


def test_verdict_follows_the_tolerance_and_all_else_stays(make_clip):
    first = detect(make_clip(offset_s=0.3, duration_s=6.0), ClassicalEngine())
    again = judge_again(first, GENEROUS)

    assert first.estimate.verdict is Verdict.OUT_OF_SYNC
    assert again.estimate.verdict is Verdict.IN_SYNC
    assert again.config == replace(first.config, tolerance=GENEROUS)
    verdict = {"verdict": first.estimate.verdict, "reason": first.estimate.reason}
    assert replace(again.estimate, **verdict) == first.estimate


def test_an_answer_that_was_too_close_to_call_can_become_one(make_clip):
    first = detect(make_clip(offset_s=0.3, duration_s=6.0), ClassicalEngine())
    border_s = first.estimate.offset_s
    close = judge_again(first, Tolerance("close", "Close", border_s, border_s))

    assert close.estimate.reason is Reason.TOO_COARSE
    assert judge_again(close, GENEROUS).estimate == judge_again(first, GENEROUS).estimate


@pytest.mark.parametrize(
    ("options", "reason"), [({"silent": True}, Reason.SILENCE), ({"still": True}, Reason.NO_MOTION)]
)
def test_no_tolerance_gives_silence_or_stillness_an_answer(make_clip, options, reason):
    first = detect(make_clip(duration_s=6.0, **options), ClassicalEngine())
    again = judge_again(first, tolerance_named("bt1359-accept"))

    assert first.estimate.reason is reason
    assert again.estimate.reason is reason
    assert again.estimate.verdict is Verdict.CANNOT_TELL
