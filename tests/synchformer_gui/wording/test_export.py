from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from core.correction.correction import Correction, Inexact
from core.correction.plan.moves import Choice, Method, Move
from core.correction.retiming import Retiming
from core.correction.verify.verify import Verification
from core.media.formats.output_format import AVI
from core.workflow.export import Exported
from synchformer_gui.wording.export import (
    choice_text,
    choices_sentence,
    correction_text,
    exported_lines,
    hint_action,
    note_sentences,
    promise_sentence,
)
from tests.core.correction.steps import unread_plan

CORRECTION = Correction((1,), Fraction(4, 25))
MOVE = Move(1, Method.TIMES, Fraction(4, 25))
PLAN = replace(unread_plan(moves=(MOVE,), correction=CORRECTION), notes=("A note.",))
FOUND = Verification(packets_equal=True, shift_error_s=0.0, lost_streams=())


@pytest.mark.parametrize(
    ("method", "phrase"),
    [
        (Method.TIMES, "Nothing is encoded again: every packet is copied"),
        (Method.SAMPLES, "the audio gets silence in front or loses its beginning"),
        (Method.PACKETS, "the audio gets silence in front or loses its beginning"),
        (Method.DECODED, "is encoded again"),
        (Method.RETIMED, "is encoded again"),
    ],
)
def test_promise_holds_for_each_way_of_moving(method: Method, phrase: str) -> None:
    plan = replace(PLAN, moves=(replace(MOVE, method=method),))

    assert phrase in promise_sentence(plan)


@pytest.mark.parametrize(
    ("remainder_s", "method", "said"),
    [
        (Fraction(0), Method.TIMES, None),
        (Fraction(1, 96000), Method.TIMES, None),
        (
            Fraction(-2, 5000),
            Method.TIMES,
            "The audio will be 0.4 ms earlier than asked for, the closest that MKV allows.",
        ),
        (
            Fraction(1, 1000),
            Method.TIMES,
            "The audio will be 1 ms later than asked for, the closest that MKV allows.",
        ),
        (Fraction(8, 1000), Method.PACKETS, None),
    ],
)
def test_a_remainder_is_told_first_unless_the_plan_tells_it(
    remainder_s: Fraction, method: Method, said: str | None
) -> None:
    plan = replace(PLAN, remainder_s=remainder_s, moves=(replace(MOVE, method=method),))

    notes = note_sentences(plan)
    assert notes == ((said, "A note.") if said else ("A note.",))


def test_another_container_is_told() -> None:
    plan = replace(unread_plan(source="talk.wmv", target="out.MKV"), notes=("A note.",))
    notes = note_sentences(plan)

    assert notes == ("talk.wmv is rewritten as MKV.", "A note.")


def test_choices_keep_the_remainder_that_the_plan_found() -> None:
    choices = (
        Choice(Inexact.NEAREST, "the nearest packet (8.0 ms too late)"),
        Choice(Inexact.REENCODE, "to reencode"),
        Choice(None, "a name"),
    )

    assert [choice_text(one) for one in choices] == [
        "The nearest packet (8.0 ms too late), nothing encoded again",
        "Encode the audio again as PCM (exact)",
        "Write MKV instead (exact), nothing encoded again",
    ]
    assert choices_sentence(Path("out.avi")).startswith(AVI.name.upper())


def test_the_way_that_the_sound_went_is_told() -> None:
    earlier = Correction((1,), Fraction(-1, 25))
    plan = unread_plan(AVI, target="out.avi", correction=earlier)
    near = replace(plan, remainder_s=Fraction(-1, 125))
    (wrote, *_) = exported_lines(Exported(near, FOUND, notes=("Damaged.",)), "/a/out.avi")
    assert wrote == "Wrote /a/out.avi: audio moved 48 ms earlier, 8 ms earlier than asked for."


WROTE = Exported(PLAN, FOUND)


@pytest.mark.parametrize(
    ("exported", "phrases"),
    [
        (WROTE, ("Wrote out.mkv: audio moved 160 ms later.", "Verified")),
        (replace(WROTE, verification=None), ("Wrote", "not compared with its source")),
        (
            replace(WROTE, certificate=Path("/a/out.mkv.certificate.json")),
            ("Verified", "Certificate: out.mkv.certificate.json"),
        ),
        (
            replace(WROTE, certificate_problem="It is not written."),
            ("Verified", "It is not written."),
        ),
        (
            replace(WROTE, verification=replace(FOUND, changed_metadata=("title", "date"))),
            ("Changed metadata: title, date.",),
        ),
    ],
)
def test_what_was_written_is_told(exported: Exported, phrases: tuple[str, ...]) -> None:
    said = " ".join(exported_lines(exported, exported.path.name))

    assert said.startswith("Wrote")
    assert all(phrase in said for phrase in phrases)


@pytest.mark.parametrize(
    ("delay_s", "text"),
    [
        (Fraction(-33, 1000), "Move the audio 33 ms earlier…"),
        (Fraction(1, 2), "Move the audio 500 ms later…"),
    ],
)
def test_a_hint_offers_what_it_means(delay_s: Fraction, text: str) -> None:
    assert hint_action(delay_s) == text


def test_sound_that_stays_is_not_said_to_be_moved():
    assert correction_text(Correction((1,), Fraction(0))) == "not moved"


@pytest.mark.parametrize(
    ("ratio", "said"),
    [
        (Fraction(1001, 1000), "made 1001/1000 times as long"),
        (Fraction(960, 1001), "made 960/1001 times as long"),
        (Fraction(845951, 842559), "made 1.004026 times as long"),
    ],
)
def test_measured_ratios_are_said_as_decimals(ratio: Fraction, said: str) -> None:
    retiming = Retiming.stretched(ratio, Fraction(0))

    assert correction_text(Correction((1,), Fraction(0), retiming=retiming)) == said
