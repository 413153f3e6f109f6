import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from core.correction.correction import Correction
from core.correction.retiming import Retiming
from core.detection.config import DetectionConfig
from core.detection.evidence import OffsetEvidence, offset_axis
from core.detection.result import Coverage, Detection, OffsetEstimate, Opinion, Reason, Verdict
from core.detection.sync_map import DriftCause, MapKind, Piece, SyncMap
from core.detection.windows import Window
from core.media.info import AudioStream, MediaInfo, VideoStream
from core.timing import TimeSpan
from synchformer_gui.wording import offset as offset_wording
from synchformer_gui.wording import sync_map as map_wording


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


def detection(sync_map):
    video = VideoStream(
        0, "h264", 320, 256, Fraction(25), Fraction(1, 90000), 0.0, 300.0, 0, False, False
    )
    audio = AudioStream(1, "aac", 16000, 1, Fraction(1, 16000), 0.0, 300.0, "")
    axis_s = offset_axis(2.0)
    estimate = OffsetEstimate(
        0.16, (0.15, 0.17), 0.9, 0.87, Verdict.OUT_OF_SYNC, Reason.NONE, windows_used=17
    )
    return Detection(
        info=MediaInfo(Path("clip.mp4"), "mov", 300.0, 1, (video,), (audio,), ()),
        config=DetectionConfig(),
        opinion=Opinion("classical estimate", "classical", estimate),
        second_opinion=None,
        evidence=(OffsetEvidence(Window(0, 0), axis_s, np.zeros(len(axis_s), np.float32), 0.02),),
        video_stream_index=0,
        audio_stream_index=1,
        warnings=(),
        elapsed_s=1.0,
        coverage=Coverage(()),
        sync_map=sync_map,
    )


@pytest.mark.parametrize("sync_map", [None, CONSTANT])
def test_a_constant_offset_is_told_as_ever(sync_map):
    judged = detection(sync_map)

    assert judged.changing_map is None
    assert map_wording.answer_sentence(judged) == offset_wording.answer_sentence(judged)
    assert map_wording.headline(judged) == offset_wording.headline(judged.estimate)
    assert map_wording.map_label(judged) == offset_wording.map_label(judged.estimate)
    assert map_wording.margin_sentence(judged) == offset_wording.margin_sentence(judged.estimate)
    assert map_wording.correction_sentence(judged) == "Correction: delay audio by 160 ms."


@pytest.mark.parametrize("sync_map", [DRIFT, JUMPS])
def test_nothing_is_said_about_a_single_offset_where_it_changes(sync_map):
    judged = detection(sync_map)
    asked_twice = replace(judged, second_opinion=judged.opinion)

    assert map_wording.margin_sentence(asked_twice) == ""
    assert map_wording.second_opinion_sentence(asked_twice) == ""


@pytest.mark.parametrize("reason", [Reason.SILENCE, Reason.NO_MOTION])
def test_no_change_is_told_of_a_clip_that_cannot_be_judged(reason):
    judged = detection(DRIFT)
    estimate = replace(judged.estimate, verdict=Verdict.CANNOT_TELL, reason=reason)

    assert replace(judged, opinion=replace(judged.opinion, estimate=estimate)).changing_map is None


def test_a_drift_is_told_with_its_ends_its_rate_and_its_cause():
    judged = detection(DRIFT)

    assert map_wording.answer_sentence(judged) == (
        "The sound drifts: 43 ms early at the start, 263 ms late at the end. It runs 1001 ± 90 ppm "
        "slow, as if 29.97 fps had been taken for 30. Out of sync by ITU-R BT.1359, detectable."
    )
    assert map_wording.headline(judged) == "Audio drifts"
    assert map_wording.map_label(judged) == "drifts: 40 ms early to 260 ms late"
    assert map_wording.correction_sentence(judged) == (
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
    sentence = map_wording.answer_sentence(detection(found))

    assert "1900 ms early at 0:30, 2000 ms late at 1:24. It runs 4.17 ± 0.03 % fast." in sentence


def test_jumps_are_told_with_their_times():
    judged = detection(JUMPS)

    assert map_wording.answer_sentence(judged) == (
        "The offset jumps: 80 ms early at first, 120 ms late from 1:40 on (± 2 s), "
        "on time from 3:20 on (± 1 s). Out of sync by ITU-R BT.1359, detectable."
    )
    assert map_wording.headline(judged) == "Audio jumps twice"
    assert map_wording.map_label(judged) == "80 ms early, then 120 ms late, then on time"
    assert map_wording.correction_sentence(judged) == (
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
    assert map_wording.verdict_row(detection(sync_map)) == row


@pytest.mark.parametrize(("sync_map", "expected"), [(CONSTANT, False), (DRIFT, True)])
def test_a_changing_offset_is_an_answer_of_its_own(sync_map, expected):
    assert map_wording.is_known_to_change(detection(sync_map)) is expected


def test_many_jumps_are_cut_short():
    pieces = tuple(piece(20.0 * n, 20.0 * n + 20, 0.1 * (n % 2)) for n in range(9))
    judged = detection(SyncMap(MapKind.JUMPS, pieces))

    assert map_wording.headline(judged) == "Audio jumps 8 times"
    assert ", and 3 more." in map_wording.answer_sentence(judged)
    assert ", and 3 more." in map_wording.correction_sentence(judged)


@pytest.mark.parametrize("cause", list(DriftCause))
@pytest.mark.parametrize("ppm", [-1001.0, 1001.0])
def test_no_sentence_carries_a_sign(cause, ppm):
    judged = detection(replace(DRIFT, drift_ppm=ppm, cause=cause))
    sentences = [
        map_wording.answer_sentence(judged),
        map_wording.correction_sentence(judged),
        map_wording.map_label(judged),
    ]

    assert not [s for s in sentences if re.search(r"[-+−]\s*\d", s)]


def test_a_drift_without_a_delay_is_told_without_one():
    found = replace(DRIFT, pieces=(piece(0.0, 300.0, 0.0, -0.3),))
    said = map_wording.correction_sentence(detection(found))
    assert said.startswith("Correction: retime the audio to 99.900 % of its length. A constant")


def test_sound_that_stays_is_not_said_to_be_moved():
    assert map_wording.retiming_text(Correction((1,), Fraction(0))) == "not moved"


@pytest.mark.parametrize(
    ("verdict", "reason", "phrase"),
    [
        (Verdict.IN_SYNC, Reason.NONE, "25 fps) ± 10 ms. In sync by"),
        (Verdict.OUT_OF_SYNC, Reason.NONE, "Watch the new file before you use it."),
        (Verdict.CANNOT_TELL, Reason.TOO_COARSE, "25 fps) ± 10 ms. Cannot tell whether"),
        (Verdict.CANNOT_TELL, Reason.SILENCE, "cannot tell (silence), which says nothing against"),
    ],
)
def test_what_is_left_in_a_new_file_is_told(verdict, reason, phrase):
    judged = detection(None)
    estimate = replace(judged.estimate, verdict=verdict, reason=reason)
    said = map_wording.recheck_sentence(
        replace(judged, opinion=replace(judged.opinion, estimate=estimate))
    )
    assert said.startswith("Judged again: ")
    assert phrase in said
    assert ("90 % interval: 150 to 170 ms early" in said) == (reason is not Reason.SILENCE)


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

    assert map_wording.retiming_text(Correction((1,), Fraction(0), retiming=retiming)) == said
