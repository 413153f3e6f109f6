import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from core.detection.config import DetectionConfig
from core.detection.evidence import OffsetEvidence, offset_axis
from core.detection.result import Coverage, Detection, OffsetEstimate, Opinion, Reason, Verdict
from core.detection.sync_map import DriftCause, MapKind, Piece, SyncMap
from core.detection.windows import Window
from core.media.info import AudioStream, MediaInfo, VideoStream
from core.timing import TimeSpan, tolerance_named
from synchformer_gui.wording.offset import confidence_text, delay_sentence
from synchformer_gui.wording.verdict import (
    NO_OFFSET,
    answer_sentence,
    belonging_sentence,
    belonging_text,
    correction_sentence,
    headline,
    is_known_to_change,
    map_label,
    margin_sentence,
    recheck_sentence,
    second_opinion_sentence,
    verdict_row,
    verdict_title,
)


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


def detection(answer=None, second=None, sync_map=None):
    video = VideoStream(
        0, "h264", 320, 256, Fraction(25), Fraction(1, 90000), 0.0, 300.0, 0, False, False
    )
    audio = AudioStream(1, "aac", 16000, 1, Fraction(1, 16000), 0.0, 300.0, "")
    axis_s = offset_axis(2.0)
    answer = answer or estimate(0.16)
    return Detection(
        info=MediaInfo(Path("clip.mp4"), "mov", 300.0, 1, (video,), (audio,), ()),
        config=DetectionConfig(),
        opinion=Opinion("classical estimate", "classical", answer),
        second_opinion=second and Opinion("classical estimate", "classical", second),
        evidence=(OffsetEvidence(Window(0, 0), axis_s, np.zeros(len(axis_s), np.float32), 0.02),),
        video_stream_index=0,
        audio_stream_index=1,
        warnings=(),
        elapsed_s=1.0,
        coverage=Coverage(()),
        sync_map=sync_map,
    )


def piece(start_s, end_s, first_s, last_s=None, margin_s=0.0):
    last_s = first_s if last_s is None else last_s
    intervals = ((first_s - 0.01, first_s + 0.01), (last_s - 0.01, last_s + 0.01))
    return Piece(TimeSpan(start_s, end_s), first_s, last_s, *intervals, margin_s)


CONSTANT = SyncMap(MapKind.CONSTANT, (piece(0.1, 299.9, 0.16),))
DRIFT = SyncMap(
    MapKind.DRIFT,
    (piece(2.6, 297.2, 0.04, -0.26),),
    -1001.0,
    (-1091.0, -911.0),
    DriftCause.NTSC_AS_WHOLE,
)
JUMPS = SyncMap(
    MapKind.JUMPS,
    (
        piece(0.1, 100.0, 0.08),
        piece(100.0, 200.4, -0.12, margin_s=1.3),
        piece(200.4, 299.9, 0.0, margin_s=0.1),
    ),
)


def test_the_answer_says_offset_margin_and_verdict():
    assert answer_sentence(detection(estimate(0.16))) == (
        "Audio is 160 ms early (4 frames at 25 fps) ± 10 ms. "
        "Out of sync by ITU-R BT.1359, detectable."
    )
    assert answer_sentence(detection(estimate(-0.02, Verdict.IN_SYNC))) == (
        "Audio is 20 ms late (0.5 frames at 25 fps) ± 10 ms. In sync by ITU-R BT.1359, detectable."
    )


@pytest.mark.parametrize(
    ("reason", "phrase"),
    [
        (Reason.NO_MOTION, "nothing moves in the picture"),
        (Reason.SILENCE, "the audio is silent"),
        (Reason.TOO_SHORT, "the clip is too short"),
        (Reason.NOT_CONFIDENT, "no offset stands out"),
        (Reason.AT_EDGE, "larger offsets were not tried"),
        (Reason.DISAGREE, "different parts of the clip have different offsets"),
    ],
)
def test_cannot_tell_says_why_and_what_to_do(reason, phrase):
    sentence = answer_sentence(detection(estimate(0.08, Verdict.CANNOT_TELL, reason)))

    assert sentence.startswith("Cannot tell whether the audio is in sync: ")
    assert phrase in sentence
    assert re.search(r"\. (Choose|Look at) [^.]", sentence)


def test_a_part_that_is_too_short_is_not_taken_for_the_clip():
    analyzed = detection(estimate(0.08, Verdict.CANNOT_TELL, Reason.TOO_SHORT))
    part = replace(analyzed, config=replace(analyzed.config, start_s=2.0, end_s=4.0))

    assert "the part is too short" in answer_sentence(part)
    assert "Choose a part of at least 4.8 s" in answer_sentence(part)


def test_a_verdict_by_a_custom_tolerance_names_it():
    analyzed = detection(estimate(-0.02, Verdict.IN_SYNC))
    config = replace(analyzed.config, tolerance=tolerance_named("40/60"))

    assert answer_sentence(replace(analyzed, config=config)).endswith(
        "In sync by the custom tolerance 40/60 ms."
    )


def test_an_offset_too_close_to_call_is_said_before_the_doubt():
    analyzed = detection(estimate(0.04, Verdict.CANNOT_TELL, Reason.TOO_COARSE))

    assert verdict_title(analyzed.estimate) == "too close to call"
    assert headline(analyzed) == "Probably 40 ms early"
    assert answer_sentence(analyzed) == (
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

    assert answer_sentence(detection(made)).endswith(f" By {name}, it is in sync.")


def test_an_interval_that_meets_no_tolerance_names_none():
    made = estimate(0.0, Verdict.CANNOT_TELL, Reason.TOO_COARSE, interval_s=(-0.3, 0.3))

    assert "it is in sync" not in answer_sentence(detection(made))


@pytest.mark.parametrize("reason", [Reason.NO_MOTION, Reason.SILENCE, *sorted(NO_OFFSET)])
def test_no_headline_without_an_offset_that_stands_out(reason):
    assert headline(detection(estimate(0.3, Verdict.CANNOT_TELL, reason))) == ""


def test_the_map_promises_no_margin_where_no_offset_stands_out():
    unsure = estimate(-0.2, Verdict.CANNOT_TELL, Reason.NOT_CONFIDENT)

    assert map_label(detection(unsure)) == "most likely: 200 ms late"
    assert map_label(detection(estimate(0.16))) == "160 ms early ± 10 ms"


@pytest.mark.parametrize("reason", [Reason.NO_MOTION, Reason.SILENCE])
def test_an_answer_without_evidence_carries_no_number(reason):
    analyzed = detection(estimate(0.37, Verdict.CANNOT_TELL, reason))

    assert "37" not in answer_sentence(analyzed)
    assert margin_sentence(analyzed) == ""
    assert not re.search(r"\d", verdict_row(analyzed))


@pytest.mark.parametrize(
    ("confidence", "text"), [(0.87, "87 %"), (0.9999, "above 99 %"), (0.001, "below 1 %")]
)
def test_confidence_is_never_certainty_and_says_what_it_is_in(confidence, text):
    analyzed = estimate(-0.16, confidence=confidence)

    assert confidence_text(analyzed) == f"{text} that the audio is about 160 ms late"
    assert confidence_text(analyzed) in margin_sentence(detection(analyzed))


@pytest.mark.parametrize("offset_s", [0.16, -0.16])
@pytest.mark.parametrize("verdict", list(Verdict))
def test_no_sentence_carries_a_sign(offset_s, verdict):
    reason = Reason.TOO_COARSE if verdict is Verdict.CANNOT_TELL else Reason.NONE
    analyzed = detection(estimate(offset_s, verdict, reason), estimate(-offset_s))
    sentences = [
        answer_sentence(analyzed),
        margin_sentence(analyzed),
        delay_sentence(offset_s),
        second_opinion_sentence(analyzed),
        verdict_row(analyzed),
    ]

    assert not [s for s in sentences if re.search(r"[-+−]\s*\d", s)]


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.97, "likely"), (0.7, "likely"), (0.5, "unclear"), (0.3, "unlikely"), (0.0, "unlikely")],
)
def test_whether_picture_and_sound_belong_together_is_said_in_a_word(share, text):
    answer = estimate(0.16, synchronizability=share)

    assert belonging_text(answer) == text
    said = belonging_sentence(answer)
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
    assert belonging_sentence(answer) == ""


@pytest.mark.parametrize(
    ("second", "phrase"),
    [
        (estimate(0.165), "165 ms early ± 10 ms, which agrees."),
        (estimate(0.5), "500 ms early ± 10 ms, which disagrees"),
        (estimate(0.0, Verdict.CANNOT_TELL, Reason.SILENCE), "cannot tell."),
    ],
)
def test_the_second_opinion_is_compared_with_the_first(second, phrase):
    assert phrase in second_opinion_sentence(detection(estimate(0.16), second))


def test_without_a_second_opinion_nothing_is_said():
    assert second_opinion_sentence(detection(estimate(0.16))) == ""


@pytest.mark.parametrize("sync_map", [None, CONSTANT])
def test_a_constant_sync_map_changes_no_word(sync_map):
    analyzed = detection(sync_map=sync_map)

    assert analyzed.changing_map is None
    assert answer_sentence(analyzed).startswith("Audio is 160 ms early (4 frames at 25 fps) ± 10")
    assert headline(analyzed) == "Audio 160 ms early"
    assert map_label(analyzed) == "160 ms early ± 10 ms"
    assert margin_sentence(analyzed).startswith("90 % interval: 150 to 170 ms early. Confidence:")
    assert correction_sentence(analyzed) == "Correction: delay audio by 160 ms."


@pytest.mark.parametrize("sync_map", [DRIFT, JUMPS])
def test_nothing_is_said_about_a_single_offset_where_it_changes(sync_map):
    analyzed = detection(sync_map=sync_map)
    asked_twice = replace(analyzed, second_opinion=analyzed.opinion)

    assert margin_sentence(asked_twice) == ""
    assert second_opinion_sentence(asked_twice) == ""


@pytest.mark.parametrize("reason", [Reason.SILENCE, Reason.NO_MOTION])
def test_no_change_is_told_of_a_clip_that_cannot_be_analyzed(reason):
    analyzed = detection(sync_map=DRIFT)
    estimate = replace(analyzed.estimate, verdict=Verdict.CANNOT_TELL, reason=reason)

    assert (
        replace(analyzed, opinion=replace(analyzed.opinion, estimate=estimate)).changing_map is None
    )


def test_a_drift_is_told_with_its_ends_its_rate_and_its_cause():
    analyzed = detection(sync_map=DRIFT)

    assert answer_sentence(analyzed) == (
        "The sound drifts: 43 ms early at the start, 263 ms late at the end. It runs 1001 ± 90 ppm "
        "slow, as if 29.97 fps had been taken for 30. Out of sync by ITU-R BT.1359, detectable."
    )
    assert headline(analyzed) == "Audio drifts"
    assert map_label(analyzed) == "drifts: 40 ms early to 260 ms late"
    assert correction_sentence(analyzed) == (
        "Correction: retime the audio to 99.900 % of its length, then delay it by 40 ms. "
        "A constant delay cannot repair a drift."
    )


def test_a_drift_that_is_seen_in_part_is_told_with_the_times():
    found = replace(
        DRIFT,
        pieces=(piece(30.0, 84.0, 1.9, -2.0),),
        drift_ppm=41_650.0,
        drift_interval_ppm=(41_400.0, 41_900.0),
        cause=DriftCause.NONE,
    )
    sentence = answer_sentence(detection(sync_map=found))

    assert "1900 ms early at 0:30, 2000 ms late at 1:24. It runs 4.17 ± 0.03 % fast." in sentence


def test_jumps_are_told_with_their_times():
    analyzed = detection(sync_map=JUMPS)

    assert answer_sentence(analyzed) == (
        "The offset jumps: 80 ms early at first, 120 ms late from 1:40 on (± 2 s), "
        "on time from 3:20 on (± 1 s). Out of sync by ITU-R BT.1359, detectable."
    )
    assert headline(analyzed) == "Audio jumps twice"
    assert map_label(analyzed) == "80 ms early, then 120 ms late, then on time"
    assert correction_sentence(analyzed) == (
        "Correction: move the audio piece by piece: 80 ms later up to 1:40, 120 ms earlier from "
        "1:40 on, not at all from 3:20 on. A constant delay repairs one piece only."
    )


@pytest.mark.parametrize(
    ("sync_map", "row"),
    [
        (CONSTANT, "out of sync  160 ms early ± 10 ms"),
        (DRIFT, "out of sync  drifts: 40 ms early to 260 ms late"),
        (JUMPS, "out of sync  80 ms early, then 120 ms late, then on time"),
    ],
)
def test_a_row_names_every_offset(sync_map, row):
    assert verdict_row(detection(sync_map=sync_map)) == row


@pytest.mark.parametrize(("sync_map", "expected"), [(CONSTANT, False), (DRIFT, True)])
def test_a_changing_offset_is_an_answer_of_its_own(sync_map, expected):
    assert is_known_to_change(detection(sync_map=sync_map)) is expected


def test_many_jumps_are_cut_short():
    pieces = tuple(piece(20.0 * n, 20.0 * n + 20, 0.1 * (n % 2)) for n in range(9))
    analyzed = detection(sync_map=SyncMap(MapKind.JUMPS, pieces))

    assert headline(analyzed) == "Audio jumps 8 times"
    assert ", and 3 more." in answer_sentence(analyzed)
    assert ", and 3 more." in correction_sentence(analyzed)


@pytest.mark.parametrize("cause", list(DriftCause))
@pytest.mark.parametrize("ppm", [-1001.0, 1001.0])
def test_no_sentence_about_a_change_carries_a_sign(cause, ppm):
    analyzed = detection(sync_map=replace(DRIFT, drift_ppm=ppm, cause=cause))
    sentences = [
        answer_sentence(analyzed),
        correction_sentence(analyzed),
        map_label(analyzed),
    ]

    assert not [s for s in sentences if re.search(r"[-+−]\s*\d", s)]


def test_a_drift_without_a_delay_is_told_without_one():
    found = replace(DRIFT, pieces=(piece(0.0, 300.0, 0.0, -0.3),))
    said = correction_sentence(detection(sync_map=found))
    assert said.startswith("Correction: retime the audio to 99.900 % of its length. A constant")


@pytest.mark.parametrize(
    ("verdict", "reason", "phrase"),
    [
        (Verdict.IN_SYNC, Reason.NONE, "25 fps) ± 10 ms. In sync by"),
        (Verdict.OUT_OF_SYNC, Reason.NONE, "Watch the new file before you use it."),
        (Verdict.CANNOT_TELL, Reason.TOO_COARSE, "25 fps) ± 10 ms. Cannot tell whether"),
        (
            Verdict.CANNOT_TELL,
            Reason.SILENCE,
            "cannot tell (silence); the new file may",
        ),
    ],
)
def test_what_is_left_in_a_new_file_is_told(verdict, reason, phrase):
    analyzed = detection()
    estimate = replace(analyzed.estimate, verdict=verdict, reason=reason)
    said = recheck_sentence(replace(analyzed, opinion=replace(analyzed.opinion, estimate=estimate)))
    assert said.startswith("Analyzed again: ")
    assert phrase in said
    assert ("90 % interval: 150 to 170 ms early" in said) == (reason is not Reason.SILENCE)
