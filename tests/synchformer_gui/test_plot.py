import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from core.detection.config import DetectionConfig
from core.detection.evidence import OffsetEvidence, offset_axis
from core.detection.result import Coverage, Detection, OffsetEstimate, Opinion, Reason, Verdict
from core.detection.sync_map import MapKind, Piece, SyncMap
from core.detection.windows import plan_windows
from core.errors import ExportError
from core.media.info import AudioStream, MediaInfo, VideoStream
from core.timing import TimeSpan
from synchformer_gui.plot import ESTIMATE_COLOUR, write_plot

RANGE_S = 2.0
NAME = "barks $1 – 5 € $.mp4"
"""Would be a formula to Matplotlib if it were let."""


def detection(offset_s, *, duration_s=20.0, reason=Reason.NONE):
    video = VideoStream(
        0, "h264", 320, 256, Fraction(25), Fraction(1, 90000), 0.0, duration_s, 0, False, False
    )
    audio = AudioStream(1, "aac", 16000, 1, Fraction(1, 16000), 0.0, duration_s, "")
    axis_s = offset_axis(RANGE_S)
    windows = plan_windows(0, int(25 * duration_s))
    log_likelihood = np.zeros(len(axis_s), np.float32)
    if not reason:
        log_likelihood -= ((axis_s - offset_s) / 0.05) ** 2
    verdict = Verdict.CANNOT_TELL if reason else Verdict.OUT_OF_SYNC
    estimate = OffsetEstimate(
        offset_s, (offset_s - 0.01, offset_s + 0.01), 0.9, 0.9, verdict, reason, len(windows)
    )
    return Detection(
        info=MediaInfo(Path(NAME), "mov", duration_s, 1, (video,), (audio,), ()),
        config=DetectionConfig(),
        opinion=Opinion("classical estimate", "classical", estimate),
        second_opinion=None,
        evidence=tuple(OffsetEvidence(w, axis_s, log_likelihood, 0.02) for w in windows),
        video_stream_index=0,
        audio_stream_index=1,
        warnings=(),
        elapsed_s=1.0,
        coverage=Coverage(()),
    )


def piece(start_s, end_s, offset_s):
    interval_s = (offset_s - 0.01, offset_s + 0.01)
    return Piece(TimeSpan(start_s, end_s), offset_s, offset_s, interval_s, interval_s)


WIDE = SyncMap(MapKind.JUMPS, (piece(0.1, 10.0, 1.0), piece(10.0, 19.9, -1.0)))


def answer_colour():
    return np.array([int(ESTIMATE_COLOUR[i : i + 2], 16) for i in (1, 3, 5)]) / 255


def answer_rows(path):
    """Return the rows, 0 at the top and 1 at the bottom, that the answer's line crosses."""
    video = imread(path)[:, :, :3]
    lines = np.flatnonzero((np.abs(video - answer_colour()).max(axis=2) < 0.02).mean(axis=1) > 0.5)
    return lines / video.shape[0]


OVERVIEW = 0.4
"""Share of the picture, from above, in which all offsets are shown."""


def test_early_audio_is_drawn_above_late_audio(tmp_path):
    for name, offset_s in (("early", 1.0), ("late", -1.0)):
        write_plot(detection(offset_s), tmp_path / f"{name}.png")

    early, late = (answer_rows(tmp_path / f"{name}.png") for name in ("early", "late"))
    assert early.size
    assert late.size
    assert early[early < OVERVIEW].max() < late[late < OVERVIEW].min()


def test_the_answer_is_drawn_once_more_close_up(tmp_path):
    write_plot(detection(0.16), tmp_path / "plot.png")
    write_plot(replace(detection(0.16), sync_map=WIDE), tmp_path / "wide.png")

    rows = answer_rows(tmp_path / "plot.png")
    assert rows[rows < OVERVIEW].size
    close = rows[rows > OVERVIEW]
    # The borders of the interval of 20 ms lie well apart there.
    assert np.ptp(close) > 3 * np.ptp(rows[rows < OVERVIEW])
    assert len(imread(tmp_path / "wide.png")) < len(imread(tmp_path / "plot.png"))


@pytest.mark.parametrize("reason", [Reason.SILENCE, Reason.NO_MOTION])
def test_no_answer_is_drawn_where_there_is_none(tmp_path, reason):
    write_plot(detection(0.0, reason=reason), tmp_path / "plot.png")

    assert not answer_rows(tmp_path / "plot.png").size


def test_a_changing_offset_is_drawn_as_it_changes(tmp_path):
    write_plot(replace(detection(0.2), sync_map=WIDE), tmp_path / "plot.png")

    video = imread(tmp_path / "plot.png")[:, :, :3]
    lines = np.argwhere(np.abs(video - answer_colour()).max(axis=2) < 0.02)
    rows, columns = lines[lines[:, 0] < 0.9 * len(video)].T
    half = video.shape[1] * 0.45
    assert rows[columns < half - 50].max() < rows[columns > half + 50].min()


def test_a_clip_with_one_window_can_be_drawn(tmp_path):
    write_plot(detection(0.2, duration_s=1.0), tmp_path / "plot.png")

    assert answer_rows(tmp_path / "plot.png").size


def test_a_plot_that_cannot_be_written_is_a_sentence_and_leaves_nothing(tmp_path):
    target = tmp_path / "plot.png"
    target.mkdir()

    with pytest.raises(ExportError, match=r"plot\.png cannot be written"):
        write_plot(detection(0.2), target)
    assert [p.name for p in tmp_path.iterdir()] == ["plot.png"]


def test_matplotlib_is_imported_only_to_draw():
    code = "import sys, synchformer_gui.plot; sys.exit('matplotlib' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
