import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from core.detection.config import DetectionConfig
from core.detection.evidence import OffsetEvidence, offset_axis
from core.detection.result import Coverage, Detection, OffsetEstimate, Opinion, Reason, Verdict
from core.detection.windows import Window
from core.media.info import AudioStream, MediaInfo, VideoStream
from core.timing import TOLERANCES, parse_delay, tolerance_named
from synchformer_gui.wording import offset as offset_wording

PAL = Fraction(25)


def estimate(offset_s, verdict=Verdict.OUT_OF_SYNC, reason=Reason.NONE, half_s=0.01, **changes):
    made = OffsetEstimate(
        offset_s=offset_s,
        interval_s=(offset_s - half_s, offset_s + half_s),
        level=0.9,
        confidence=0.87,
        verdict=verdict,
        reason=reason,
        windows_used=17,
    )
    return replace(made, **changes)


def detection(answer, second=None, frame_rate=PAL, engine_id="classical"):
    video = VideoStream(
        0, "h264", 320, 256, frame_rate, Fraction(1, 90000), 0.0, 10.0, 0, False, False
    )
    audio = AudioStream(1, "aac", 16000, 1, Fraction(1, 16000), 0.0, 10.0, "")
    axis_s = offset_axis(2.0)
    return Detection(
        info=MediaInfo(Path("clip.mp4"), "mov", 10.0, 1, (video,), (audio,), ()),
        config=DetectionConfig(),
        opinion=Opinion("classical estimate", engine_id, answer),
        second_opinion=second and Opinion("classical estimate", "classical", second),
        evidence=(OffsetEvidence(Window(0, 0), axis_s, np.zeros(len(axis_s), np.float32), 0.02),),
        video_stream_index=0,
        audio_stream_index=1,
        warnings=(),
        elapsed_s=1.0,
        coverage=Coverage(()),
    )


@pytest.mark.parametrize(
    ("offset_s", "frame_rate", "text"),
    [
        (0.16, PAL, "160 ms early (4 frames at 25 fps)"),
        (-0.04, PAL, "40 ms late (1 frame at 25 fps)"),
        (0.1, Fraction(24000, 1001), "100 ms early (2.4 frames at 23.976 fps)"),
        (0.1, None, "100 ms early"),
        (0.0004, PAL, "on time"),
        (-0.0004, PAL, "on time"),
        (0.0005, None, "1 ms early"),
        (1.2345, PAL, "1235 ms early (30.9 frames at 25 fps)"),
    ],
)
def test_offsets_are_whole_milliseconds_and_tenths_of_frames(offset_s, frame_rate, text):
    assert offset_wording.offset_text(offset_s, frame_rate) == text


def test_the_answer_says_offset_margin_and_verdict():
    assert offset_wording.answer_sentence(detection(estimate(0.16))) == (
        "Audio is 160 ms early (4 frames at 25 fps) ± 10 ms. "
        "Out of sync by ITU-R BT.1359, detectable."
    )
    assert offset_wording.answer_sentence(detection(estimate(-0.02, Verdict.IN_SYNC))) == (
        "Audio is 20 ms late (0.5 frames at 25 fps) ± 10 ms. In sync by ITU-R BT.1359, detectable."
    )


@pytest.mark.parametrize(
    ("reason", "phrase"),
    [
        (Reason.NO_MOTION, "nothing moves in the picture"),
        (Reason.SILENCE, "the audio is silent"),
        (Reason.TOO_SHORT, "the clip is too short"),
        (Reason.NOT_CONFIDENT, "no offset stands out"),
        (Reason.AT_EDGE, "larger offsets were not looked for"),
        (Reason.DISAGREE, "different parts of the clip speak for different offsets"),
    ],
)
def test_cannot_tell_says_why_and_what_to_do(reason, phrase):
    sentence = offset_wording.answer_sentence(
        detection(estimate(0.08, Verdict.CANNOT_TELL, reason))
    )

    assert sentence.startswith("Cannot tell whether the audio is in sync: ")
    assert phrase in sentence
    assert re.search(r"\. (Choose|Look at) [^.]", sentence)


def test_a_part_that_is_too_short_is_not_taken_for_the_clip():
    judged = detection(estimate(0.08, Verdict.CANNOT_TELL, Reason.TOO_SHORT))
    part = replace(judged, config=replace(judged.config, start_s=2.0, end_s=4.0))

    assert "the part is too short" in offset_wording.answer_sentence(part)
    assert "Choose a part of at least 4.8 s" in offset_wording.answer_sentence(part)


def test_a_verdict_by_a_custom_tolerance_names_it():
    judged = detection(estimate(-0.02, Verdict.IN_SYNC))
    config = replace(judged.config, tolerance=tolerance_named("40/60"))

    assert offset_wording.answer_sentence(replace(judged, config=config)).endswith(
        "In sync by the custom tolerance 40/60 ms."
    )


def test_an_offset_too_close_to_call_is_said_before_the_doubt():
    judged = detection(estimate(0.04, Verdict.CANNOT_TELL, Reason.TOO_COARSE))

    assert offset_wording.verdict_title(judged.estimate) == "too close to call"
    assert offset_wording.headline(judged.estimate) == "Probably 40 ms early"
    assert offset_wording.answer_sentence(judged) == (
        "Audio is probably 40 ms early (1 frame at 25 fps) ± 10 ms. Cannot tell whether that "
        "is in sync by ITU-R BT.1359, detectable (45 ms early to 125 ms late). "
        "By ITU-R BT.1359, acceptable, it is in sync."
    )


@pytest.mark.parametrize(
    ("interval_s", "name"),
    [
        ((-0.04, 0.01), "ATSC IS-191, encoder input"),
        ((-0.07, 0.01), "Film, ITU-R BS.1204"),
        ((-0.05, 0.07), "ITU-R BT.1359, acceptable"),
    ],
)
def test_an_undecided_answer_names_the_strictest_tolerance_that_is_met(interval_s, name):
    made = estimate(0.0, Verdict.CANNOT_TELL, Reason.TOO_COARSE, interval_s=interval_s)

    assert offset_wording.answer_sentence(detection(made)).endswith(f" By {name}, it is in sync.")


def test_an_interval_that_meets_no_tolerance_names_none():
    made = estimate(0.0, Verdict.CANNOT_TELL, Reason.TOO_COARSE, interval_s=(-0.3, 0.3))

    assert "it is in sync" not in offset_wording.answer_sentence(detection(made))


@pytest.mark.parametrize(
    "reason", [Reason.NO_MOTION, Reason.SILENCE, *sorted(offset_wording.NO_OFFSET)]
)
def test_no_headline_without_an_offset_that_stands_out(reason):
    assert offset_wording.headline(estimate(0.3, Verdict.CANNOT_TELL, reason)) == ""


def test_the_map_promises_no_margin_where_no_offset_stands_out():
    unsure = estimate(-0.2, Verdict.CANNOT_TELL, Reason.NOT_CONFIDENT)

    assert offset_wording.map_label(unsure) == "likeliest: 200 ms late"
    assert offset_wording.map_label(estimate(0.16)) == "160 ms early ± 10 ms"


@pytest.mark.parametrize("reason", [Reason.NO_MOTION, Reason.SILENCE])
def test_an_answer_without_evidence_carries_no_number(reason):
    judged = detection(estimate(0.37, Verdict.CANNOT_TELL, reason))

    assert "37" not in offset_wording.answer_sentence(judged)
    assert offset_wording.margin_sentence(judged.estimate) == ""
    assert not re.search(r"\d", offset_wording.verdict_row(judged))


def test_the_margin_is_the_wider_side_rounded_up():
    uneven = estimate(0.16, interval_s=(0.1501, 0.1832))

    assert offset_wording.margin_text(uneven) == "± 24 ms"
    assert offset_wording.interval_text(uneven) == "150 to 183 ms early"


@pytest.mark.parametrize(
    ("interval_s", "text"),
    [
        ((-0.06, -0.04), "40 to 60 ms late"),
        ((-0.02, 0.035), "20 ms late to 35 ms early"),
        ((0.0, 0.02), "on time to 20 ms early"),
    ],
)
def test_intervals_name_both_borders(interval_s, text):
    assert offset_wording.interval_text(estimate(0.0, interval_s=interval_s)) == text


@pytest.mark.parametrize(
    ("confidence", "text"), [(0.87, "87 %"), (0.9999, "above 99 %"), (0.001, "below 1 %")]
)
def test_confidence_is_never_certainty_and_says_what_it_is_in(confidence, text):
    judged = estimate(-0.16, confidence=confidence)

    assert offset_wording.confidence_text(judged) == f"{text} that the audio is about 160 ms late"
    assert offset_wording.confidence_text(judged) in offset_wording.margin_sentence(judged)


@pytest.mark.parametrize("delay", ["160", "-160ms", "0.16s", "-1s"])
def test_the_number_shown_is_the_delay_typed(delay):
    delay_s = parse_delay(delay)
    sentence = offset_wording.correction_sentence(delay_s)

    shown = re.search(r"(\d+) ms", sentence)
    assert shown
    sign = 1 if "delay audio by" in sentence else -1
    assert parse_delay(f"{sign * int(shown[1])}ms") == delay_s


def test_correction_sentences():
    assert offset_wording.correction_sentence(0.16) == "Correction: delay audio by 160 ms."
    assert (
        offset_wording.correction_sentence(Fraction(-1, 25))
        == "Correction: move audio 40 ms earlier."
    )
    assert offset_wording.correction_sentence(0) == "Correction: none needed."
    assert (
        offset_wording.correction_sentence(Fraction("0.0004"))
        == "Correction: delay audio by 0.4 ms."
    )


@pytest.mark.parametrize("offset_s", [0.16, -0.16])
@pytest.mark.parametrize("verdict", list(Verdict))
def test_no_sentence_carries_a_sign(offset_s, verdict):
    reason = Reason.TOO_COARSE if verdict is Verdict.CANNOT_TELL else Reason.NONE
    judged = detection(estimate(offset_s, verdict, reason), estimate(-offset_s))
    sentences = [
        offset_wording.answer_sentence(judged),
        offset_wording.margin_sentence(judged.estimate),
        offset_wording.correction_sentence(offset_s),
        offset_wording.second_opinion_sentence(judged),
        offset_wording.verdict_row(judged),
    ]

    assert not [s for s in sentences if re.search(r"[-+−]\s*\d", s)]


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.97, "likely"), (0.7, "likely"), (0.5, "unclear"), (0.3, "unlikely"), (0.0, "unlikely")],
)
def test_whether_picture_and_sound_belong_together_is_said_in_a_word(share, text):
    answer = estimate(0.16, synchronizability=share)

    assert offset_wording.belonging_text(answer) == text
    said = offset_wording.belonging_sentence(answer)
    assert said.startswith(f"Picture and sound belong together: {text}")
    assert ("this take" in said) == (text == "unlikely")


@pytest.mark.parametrize(
    "answer",
    [
        estimate(0.16),
        estimate(0.0, Verdict.CANNOT_TELL, Reason.SILENCE, synchronizability=0.9),
        estimate(0.0, Verdict.CANNOT_TELL, Reason.NO_MOTION, synchronizability=0.9),
    ],
)
def test_without_ground_nothing_is_said_about_it(answer):
    assert offset_wording.belonging_sentence(answer) == ""


@pytest.mark.parametrize("text", ["/" + "x" * 100 + "/y.mp4 is damaged", "C:\\\\" + "x" * 100])
def test_long_names_can_be_broken_and_nothing_is_lost(text):
    broken = offset_wording.breakable(text)

    assert broken.replace("\N{ZERO WIDTH SPACE}", "") == text
    assert max(map(len, re.split("[\N{ZERO WIDTH SPACE} ]", broken))) <= 41


def test_numbers_stay_with_their_units():
    assert offset_wording.unbroken("late ± 10 ms at 25 fps") == (
        "late ±\N{NO-BREAK SPACE}10\N{NO-BREAK SPACE}ms at 25\N{NO-BREAK SPACE}fps"
    )


@pytest.mark.parametrize(
    ("second", "phrase"),
    [
        (estimate(0.165), "165 ms early ± 10 ms, which agrees."),
        (estimate(0.5), "500 ms early ± 10 ms, which disagrees"),
        (estimate(0.0, Verdict.CANNOT_TELL, Reason.SILENCE), "cannot tell."),
    ],
)
def test_the_second_opinion_is_compared_with_the_first(second, phrase):
    assert phrase in offset_wording.second_opinion_sentence(detection(estimate(0.16), second))


def test_without_a_second_opinion_nothing_is_said():
    assert offset_wording.second_opinion_sentence(detection(estimate(0.16))) == ""


@pytest.mark.parametrize("tolerance", TOLERANCES, ids=lambda t: t.name)
def test_every_tolerance_can_be_put_into_words(tolerance):
    assert re.fullmatch(r"\d+ ms early to \d+ ms late", offset_wording.tolerance_text(tolerance))
