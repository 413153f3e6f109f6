import json
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from hashlib import blake2b
from pathlib import Path

import pytest

from core.correction.correction import Correction
from core.correction.verify.certificate import (
    certificate_beside,
    certificate_path,
    is_certificate,
    remove_certificate,
    write_certificate,
)
from core.errors import ExportError
from core.media.probe import probe
from tests.core.correction.steps import plan_correction, verify_corrected, write_corrected


@pytest.mark.usefixtures("written_anew")
def test_a_certificate_says_what_was_done_and_found(
    make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    info = probe(make_clip("clip.mp4", duration_s=2, size=(96, 80)))
    correction = Correction((info.audios[0].index,), Fraction(160, 1000))
    target = write_corrected(info, tmp_path / "out.mp4", correction)
    plan = plan_correction(info, correction, target)
    found = verify_corrected(info, target, correction)
    path = write_certificate(plan, found, "Tool 1.0")
    assert path == certificate_path(target) == tmp_path / "out.mp4.certificate.json"
    said = json.loads(path.read_text(encoding="utf-8"))
    assert said["passed"] is True
    assert said["tool"] == "Tool 1.0"
    assert said["correction"]["audio_delay_s"] == "4/25"
    assert said["largest_error_ms"] == 0
    assert said["target"] == {"name": "out.mp4", "bytes": target.stat().st_size}
    assert said["moved_s"] == "4/25"
    assert said["changed_metadata"] == said["lost_streams"] == said["differing"] == []
    assert [stream["equal"] for stream in said["streams"]] == [True, True]
    assert len({stream["blake2b"] for stream in said["streams"]}) == 2
    assert said["detected_again"] is None
    assert not list(tmp_path.glob(".*partial~"))
    assert certificate_beside(target) == path
    assert is_certificate(path)
    residual = {
        "engine": "builtin",
        "verdict": "in sync",
        "offset_s": 0.004,
        "interval_s": (-0.03, 0.035),
    }
    path = write_certificate(plan, found, "Tool 1.0", residual=residual)
    again = json.loads(path.read_text(encoding="utf-8"))["detected_again"]
    assert (again["offset_s"], again["interval_s"]) == (0.004, [-0.03, 0.035])
    assert (again["verdict"], again["engine"]) == ("in sync", "builtin")


def test_a_certificate_of_a_patch_lists_its_ranges_and_the_way_back(
    make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    info = probe(make_clip("clip.mp4", duration_s=2, size=(96, 80)))
    correction = Correction((info.audios[0].index,), Fraction(160, 1000))
    target = write_corrected(info, tmp_path / "out.mp4", correction)
    plan = plan_correction(info, correction, target)
    found = verify_corrected(info, target, correction)
    said = json.loads(write_certificate(plan, found, "Tool 1.0").read_text(encoding="utf-8"))
    source, copy = info.path.read_bytes(), target.read_bytes()
    assert said["passed"] is True
    assert plan.time_patch is not None
    ranges = said["patch"]["first_ranges"]
    assert len(ranges) == said["patch"]["n_ranges"] == len(plan.time_patch.patch.edits)
    kept, position, growth = blake2b(), 0, 0
    for begin, end, n_bytes in ranges:
        assert source[position:begin] == copy[position + growth : begin + growth]
        kept.update(source[position:begin])
        growth += n_bytes - (end - begin)
        position = end
    kept.update(source[position:])
    assert said["patch"]["kept_blake2b"] == kept.hexdigest()
    assert said["undo"]["source_blake2b"] == blake2b(source).hexdigest()
    assert said["undo"]["source_name"] == "clip.mp4"


def test_a_certificate_that_cannot_be_written_is_told(
    make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    info = probe(make_clip("clip.mp4", duration_s=1, size=(96, 80)))
    correction = Correction((info.audios[0].index,), Fraction(1, 10))
    target = write_corrected(info, tmp_path / "out.mp4", correction)
    plan = plan_correction(info, correction, target)
    found = verify_corrected(info, target, correction)
    (tmp_path / "file").touch()
    elsewhere = tmp_path / "file" / "out.mp4"
    with pytest.raises(ExportError, match=r"^out\.mp4\.certificate\.json cannot be written"):
        write_certificate(replace(plan, target=elsewhere), found, "Tool 1.0")
    certificate_path(target).mkdir()
    with pytest.raises(ExportError, match=r"^out\.mp4\.certificate\.json cannot be written"):
        write_certificate(plan, found, "Tool 1.0")


def test_a_certificate_of_a_file_that_is_replaced_goes(tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    path = certificate_path(target)
    assert remove_certificate(target) == ""
    path.write_text('{"certificate": 1, "tool": "", "target": {}, "passed": true}')
    assert remove_certificate(target) == ""
    assert not path.exists()


@pytest.mark.parametrize("text", ["precious", "[]", '{"passed": true}', "\udce4"])
def test_what_others_have_written_is_no_certificate_and_stays(tmp_path: Path, text: str) -> None:
    target = tmp_path / "out.mp4"
    path = certificate_path(target)
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    assert not is_certificate(path)
    assert remove_certificate(target) == ""
    assert path.exists()


def test_a_name_that_is_too_long_for_a_certificate_has_none(tmp_path: Path) -> None:
    assert certificate_beside(tmp_path / f"{'a' * 250}.mp4") is None
