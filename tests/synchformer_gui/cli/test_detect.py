import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.detection.config import DetectionConfig
from core.detection.detect import detect
from core.detection.engines.classical import ClassicalEngine
from core.detection.evidence import ClassLogits, evidence_from_classes
from core.detection.serialize import detection_from_json, detection_to_json
from core.detection.sync_map import MapKind, Piece, SyncMap
from core.detection.windows import Window
from core.model.synchformer.offset_classes import OFFSET_GRID_S, class_of
from core.timing import TimeSpan
from synchformer_gui.cli.detect import _document, class_line, top_classes
from synchformer_gui.cli.main import main

CLASSICAL = ("--model", "classical")


def with_classes(clip: Path, logits):
    analyzed = detect(clip, ClassicalEngine(), DetectionConfig())
    evidence = tuple(
        evidence_from_classes(Window(i, 8 * i), ClassLogits(0.0, np.asarray(row, np.float32)))
        for i, row in enumerate(logits)
    )
    return replace(analyzed, evidence=evidence)


def test_early_audio_is_said_in_words(make_clip, capsys):
    assert main(["detect", str(make_clip(offset_s=0.3)), *CLASSICAL]) == 1

    out = capsys.readouterr().out
    assert "ms early" in out
    assert "Correction: delay audio by" in out
    assert "Out of sync by ITU-R BT.1359" in out
    assert "classical estimate" in out
    assert "models download audioset" in out


def test_late_audio_is_moved_earlier(make_clip, capsys):
    assert main(["detect", str(make_clip(offset_s=-0.3)), *CLASSICAL]) == 1

    out = capsys.readouterr().out
    assert "ms late" in out
    assert "Correction: move audio" in out


def test_a_clip_in_sync_needs_no_correction(make_clip, capsys):
    clip = str(make_clip())
    assert main(["detect", clip, *CLASSICAL, "--tolerance", "bt1359-accept"]) == 0
    assert "Correction" not in capsys.readouterr().out


@pytest.mark.parametrize("what", ["silent", "still"])
def test_without_sound_or_motion_it_cannot_tell(make_clip, capsys, what):
    clip = str(make_clip(**{what: True}, duration_s=6.0))
    assert main(["detect", clip, *CLASSICAL]) == 2
    assert "Cannot tell" in capsys.readouterr().out


def test_json_is_the_only_thing_on_stdout(make_clip, capsys):
    assert main(["detect", str(make_clip(offset_s=0.3)), "--json", *CLASSICAL]) == 1

    document = json.loads(capsys.readouterr().out)
    assert detection_from_json(document).estimate.offset_s == pytest.approx(0.3, abs=0.04)
    assert "top" not in document


def test_a_simulated_offset_adds_to_that_of_the_clip(make_clip, capsys):
    clip = str(make_clip(offset_s=0.3))
    assert main(["detect", clip, "--simulate-offset", "-0.6", *CLASSICAL]) == 1

    out = capsys.readouterr().out
    assert "ms late" in out
    assert "moved 600 ms later for this test" in out
    assert "Correction" not in out


def test_a_plot_is_written_where_asked(make_clip, tmp_path, capsys):
    target = tmp_path / "plot.png"
    clip = str(make_clip(offset_s=0.3))
    assert main(["detect", clip, "--plot", str(target), *CLASSICAL]) == 1

    assert target.read_bytes().startswith(b"\x89PNG")
    assert str(target) in capsys.readouterr().out


@pytest.mark.parametrize("option", ["--device", "--precision"])
def test_an_unknown_device_or_precision_is_wrong_usage_for_every_model(make_clip, capsys, option):
    assert main(["detect", str(make_clip(duration_s=2.0)), option, "abacus"]) == 64
    assert "abacus" in capsys.readouterr().err


def test_an_unknown_model_lists_the_known_ones(make_clip, capsys):
    assert main(["detect", str(make_clip(duration_s=2.0)), "--model", "nobody"]) == 3
    assert "audioset" in capsys.readouterr().err


def test_the_classical_estimate_has_no_classes_to_list(make_clip, capsys):
    clip = str(make_clip(duration_s=6.0))
    assert main(["detect", clip, "--model", "classical", "--top", "3"]) == 64

    shown = capsys.readouterr()
    assert shown.out == ""
    assert "--top" in shown.err
    assert "Analyzing" not in shown.err


def test_classes_are_ranked_by_the_sum_over_windows(make_clip):
    logits = np.zeros((2, 21))
    logits[0, class_of(0.4)] = 3.0
    logits[:, class_of(-0.2)] = 2.0

    first, second = top_classes(with_classes(make_clip(duration_s=2.0), logits), 2)

    assert (first.offset_s, first.logit, first.class_index) == (-0.2, 4.0, 9)
    assert (second.offset_s, second.logit, second.class_index) == (0.4, 3.0, 12)
    expected = np.exp(4.0) / (np.exp(4.0) + np.exp(3.0) + 19)
    assert first.probability == pytest.approx(expected)
    assert class_line(first) == f'p={expected:.4f} (4.0000), "-0.20" (9)'


def test_more_classes_than_there_are_is_all_of_them(make_clip):
    analyzed = with_classes(make_clip(duration_s=2.0), np.zeros((1, 21)))

    assert len(top_classes(analyzed, 100)) == len(OFFSET_GRID_S)


@pytest.mark.parametrize("content", [b"", b"a video with a wrong suffix"])
def test_a_plot_replaces_nothing_but_a_picture(make_clip, tmp_path, capsys, content):
    target = tmp_path / "taken.png"
    target.write_bytes(content)

    assert main(["detect", str(make_clip(duration_s=2.0)), "--plot", str(target)]) == 64
    shown = capsys.readouterr()
    assert "taken.png exists already" in shown.err
    assert shown.out == ""
    assert target.read_bytes() == content


def test_a_plot_never_replaces_the_clip_itself(make_clip, tmp_path, capsys):
    clip = make_clip(duration_s=2.0).rename(tmp_path / "clip.png")
    before = clip.read_bytes()

    assert main(["detect", str(clip), "--plot", str(clip)]) == 64
    assert clip.read_bytes() == before


def test_a_plot_replaces_an_earlier_one(make_clip, tmp_path):
    target = tmp_path / "plot.png"
    clip = str(make_clip(duration_s=3.0))
    main(["detect", clip, "--plot", str(target), *CLASSICAL])
    before = target.stat().st_ino
    main(["detect", clip, "--plot", str(target), *CLASSICAL])

    assert target.stat().st_ino != before


@pytest.mark.parametrize("model", ["classical", "builtin"])
@pytest.mark.usefixtures("builtin_weights")
def test_the_offer_is_told_in_short_lines(make_clip, capsys, model):
    main(["detect", str(make_clip(duration_s=6.0)), "--model", model])
    lines = capsys.readouterr().out.splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("Answered by"))
    last = next(i for i, line in enumerate(lines) if "models download audioset" in line)

    assert first < last <= first + 4
    assert max(map(len, lines[first : last + 1])) <= 90


@pytest.mark.usefixtures("builtin_weights")
def test_the_built_in_model_answers_unless_told_otherwise(make_clip, capsys):
    clip = str(make_clip(duration_s=6.0))
    assert main(["detect", clip]) == 2

    out = capsys.readouterr().out
    assert "Answered by the built-in model." in out
    assert "Picture and sound belong together: " in out
    assert "trained on generated clips only" in out
    assert "Second opinion, classical estimate" in out
    assert main(["detect", clip, "--model", "builtin", "--json", "--range", "8"]) == 2
    document = json.loads(capsys.readouterr().out)
    assert document["model_id"] == "builtin"
    assert 0 < document["synchronizability"] < 1


@pytest.mark.usefixtures("builtin_weights")
def test_the_built_in_model_has_classes_to_list(make_clip, capsys):
    main(["detect", str(make_clip(duration_s=6.0)), "--top", "3"])

    assert sum(line.startswith("p=") for line in capsys.readouterr().out.splitlines()) == 3


def test_a_missing_built_in_model_is_a_sentence(make_clip, capsys, monkeypatch):
    def missing():
        raise FileNotFoundError("weights.safetensors")

    monkeypatch.setattr("core.detection.engines.open.builtin_weights", missing)

    assert main(["detect", str(make_clip(duration_s=2.0))]) == 3
    assert "install the application again" in capsys.readouterr().err


def test_json_states_no_single_offset_where_it_changes(make_clip):
    found = detect(make_clip(offset_s=0.3, duration_s=6.0), ClassicalEngine())
    spans = (TimeSpan(0.1, 3.0), TimeSpan(3.0, 5.9))
    pieces = tuple(
        Piece(span, x, x, (x, x), (x, x)) for span, x in zip(spans, (0.3, -0.3), strict=True)
    )
    changing = replace(found, sync_map=SyncMap(MapKind.JUMPS, pieces))

    document = _document(changing, None)
    assert (document["offset_s"], document["interval_s"]) == (None, None)
    assert document["sync_map"] == detection_to_json(changing)["sync_map"]
    assert _document(found, None)["offset_s"] == found.estimate.offset_s


@pytest.mark.parametrize("words", [[], ["--audio-stream", "all"], ["--no-cache"]])
def test_a_clip_is_probed_once(make_clip, probed, words):
    clip = make_clip(duration_s=2.0)
    assert main(["detect", str(clip), *CLASSICAL, *words]) in (0, 1, 2)
    assert probed == [clip]


def test_the_clip_that_correct_has_probed_is_not_probed_for_detection(make_clip, monkeypatch):
    def fail(*_):
        raise AssertionError("probed again")

    clip = make_clip(duration_s=6.0, silent=True)
    monkeypatch.setattr("core.detection.schedule.scope.probe", fail)
    assert main(["correct", str(clip), "--detect", *CLASSICAL]) == 2
