"""A correction in place leaves the source, the corrected file, or a way back."""

import hashlib
import json
import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from core.correction.correction import Correction
from core.correction.write import patched_file
from core.errors import ExportError, MediaError
from core.media.info import MediaInfo
from core.media.probe import probe
from core.paths import undo_path, unfinished_path
from core.workflow import in_place
from core.workflow.export import ExportRequest, export, preview
from tests.core.correction.steps import plan_correction


@pytest.fixture(params=["clip.mp4", "clip.mkv", "clip.ts", "clip.flv"])
def clip(request: pytest.FixtureRequest, make_clip: Callable[..., Path]) -> MediaInfo:
    return probe(make_clip(request.param, duration_s=4, size=(160, 128)))


def by(info: MediaInfo, delay_ms: float) -> Correction:
    return Correction((info.audios[0].index,), Fraction(delay_ms) / 1000)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def correct(info: MediaInfo, delay_ms: float) -> in_place.CorrectedInPlace:
    return in_place.correct_in_place(in_place.plan_in_place(info, by(info, delay_ms)))


@pytest.mark.parametrize("delay_ms", [160, -440])
def test_a_file_is_corrected_in_place_and_restored(clip: MediaInfo, delay_ms: float) -> None:
    before = digest(clip.path)
    done = correct(clip, delay_ms)
    assert done.verification.passed
    assert digest(clip.path) != before
    assert done.record == undo_path(clip.path)
    assert not unfinished_path(clip.path).exists()
    assert in_place.undo(clip.path) == clip.path
    assert digest(clip.path) == before
    assert not done.record.exists()


def test_corrections_in_place_are_undone_one_by_one(clip: MediaInfo) -> None:
    states = [digest(clip.path)]
    for delay_ms in (160, -40, 7):
        correct(probe(clip.path), delay_ms)
        states.append(digest(clip.path))
    for before in reversed(states[:-1]):
        in_place.undo(clip.path)
        assert digest(clip.path) == before
    with pytest.raises(ExportError, match="nothing can be undone"):
        in_place.undo(clip.path)


@pytest.mark.parametrize("share", [0.0, 0.4, 0.9])
def test_a_stopped_correction_is_known_and_undone(
    clip: MediaInfo, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = digest(clip.path)
    written: list[int] = []

    class Killed(BaseException):
        pass

    def write_all(file: object, content: bytes) -> int:
        if len(written) >= int(share * n_edits[0]):
            raise Killed
        written.append(len(content))
        return real(file, content)  # type: ignore[arg-type]

    real = patched_file.write_all
    plan = in_place.plan_in_place(clip, by(clip, 160))
    assert plan.time_patch is not None
    n_edits = [len(plan.time_patch.patch.edits)]
    with monkeypatch.context() as patched:
        patched.setattr(patched_file, "write_all", write_all)
        with pytest.raises(Killed):
            in_place.correct_in_place(plan)
    assert unfinished_path(clip.path).is_file()
    with pytest.raises(MediaError, match="half corrected"):
        probe(clip.path)
    in_place.undo(clip.path)
    assert digest(clip.path) == before
    assert probe(clip.path) == clip


def test_a_failed_verification_gives_the_old_bytes_back(
    clip: MediaInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = digest(clip.path)
    monkeypatch.setattr(in_place, "shift_error_s", lambda *_: (0.5, 10))
    with pytest.raises(ExportError, match=r"misplaced by 500\.0 ms"):
        correct(clip, 160)
    assert digest(clip.path) == before
    assert not undo_path(clip.path).exists()
    assert not unfinished_path(clip.path).exists()


def test_a_file_changed_afterwards_is_left_alone(clip: MediaInfo) -> None:
    correct(clip, 160)
    content = bytearray(clip.path.read_bytes())
    record = json.loads(undo_path(clip.path).read_text())
    plan = in_place.read_record(undo_path(clip.path))
    assert record["undo"] == 1
    assert plan.forward is not None
    at = plan.forward.edits[0].begin
    content[at] ^= 0x55
    clip.path.write_bytes(content)
    with pytest.raises(ExportError, match="is not the file that was corrected"):
        in_place.undo(clip.path)
    assert clip.path.read_bytes() == bytes(content)
    assert undo_path(clip.path).exists()


@pytest.mark.skipif(os.name != "posix", reason="no permissions of POSIX")
def test_a_source_without_a_patch_in_place_is_refused(make_clip: Callable[..., Path]) -> None:
    info = probe(make_clip("clip.avi", duration_s=4, size=(160, 128), audio_codec="pcm_s16le"))
    with pytest.raises(ExportError, match=r"clip\.avi cannot be corrected in place, because AVI"):
        in_place.plan_in_place(info, by(info, 160))


def test_a_copy_is_undone_by_its_certificate(clip: MediaInfo, tmp_path: Path) -> None:
    target = tmp_path / f"new{clip.path.suffix}"
    request = ExportRequest(clip, target, by(clip, 160), certifies=True)
    assert export(preview(request)).certificate is not None
    restored = in_place.undo(target, tmp_path / "restored.bin")
    assert digest(restored) == digest(clip.path)


def test_a_copy_without_a_certificate_is_not_undone(clip: MediaInfo, tmp_path: Path) -> None:
    target = tmp_path / f"new{clip.path.suffix}"
    export(preview(ExportRequest(clip, target, by(clip, 160))))
    with pytest.raises(ExportError, match="neither a certificate nor a record"):
        in_place.undo(target)


def test_a_changed_copy_is_not_undone(clip: MediaInfo, tmp_path: Path) -> None:
    target = tmp_path / f"new{clip.path.suffix}"
    export(preview(ExportRequest(clip, target, by(clip, 160), certifies=True)))
    content = bytearray(target.read_bytes())
    content[len(content) // 2] ^= 1
    target.write_bytes(content)
    restored = tmp_path / "restored.bin"
    with pytest.raises(ExportError, match="was changed after its correction"):
        in_place.undo(target, restored)
    assert not restored.exists()
    target.write_bytes(content + b"more")
    with pytest.raises(ExportError, match="was changed after its correction"):
        in_place.undo(target, restored)


def test_an_existing_file_is_not_replaced_by_undoing(clip: MediaInfo, tmp_path: Path) -> None:
    target = tmp_path / f"new{clip.path.suffix}"
    export(preview(ExportRequest(clip, target, by(clip, 160), certifies=True)))
    with pytest.raises(ExportError, match="exists already"):
        in_place.undo(target, clip.path)
    in_place.undo(target, clip.path, overwrite=True)
    assert probe(clip.path) == clip


def test_a_patch_of_a_patch_lands_on_the_sum(clip: MediaInfo, tmp_path: Path) -> None:
    first, second = tmp_path / f"1{clip.path.suffix}", tmp_path / f"2{clip.path.suffix}"
    once = export(preview(ExportRequest(clip, first, by(clip, 160))))
    again = export(preview(ExportRequest(probe(first), second, by(clip, -60))))
    assert once.plan.time_patch is not None
    assert again.plan.time_patch is not None
    direct = plan_correction(clip, by(clip, 100), tmp_path / f"3{clip.path.suffix}")
    assert once.plan.moved_s + again.plan.moved_s == direct.moved_s
