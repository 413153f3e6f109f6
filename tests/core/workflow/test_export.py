import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from core.correction.correction import Correction, Inexact
from core.correction.plan.moves import Method
from core.correction.verify.verify import Verification, verify
from core.errors import Cancelled, ExportError
from core.media.formats.output_format import Layout
from core.media.probe import probe
from core.progress import SILENT, Monitor, Progress
from core.workflow import export
from core.workflow.export import Exported, ExportPreview, ExportRequest, proposed_target

MakeClip = Callable[..., Path]

DELAY_S = Fraction(4, 25)


def exported_by(request: ExportRequest, monitor: Monitor = SILENT) -> Exported:
    return export.export(export.preview(request), monitor)


def problem(preview: ExportPreview) -> str:
    return " ".join(preview.problems())


@pytest.fixture
def request_for(make_clip: MakeClip, tmp_path: Path) -> Callable[..., ExportRequest]:
    """Return a function that makes a clip and the wish to delay its first sound by 160 ms."""

    def make(
        source: str = "clip.mp4",
        target: str = "out.mp4",
        *,
        inexact: Inexact | None = None,
        overwrite: bool = False,
        certifies: bool = False,
        **clip: object,
    ) -> ExportRequest:
        info = probe(make_clip(source, duration_s=2.0, size=(96, 80), **clip))
        correction = Correction((info.audios[0].index,), DELAY_S, inexact)
        return ExportRequest(
            info, tmp_path / target, correction, overwrite=overwrite, certifies=certifies
        )

    return make


@pytest.fixture
def avi(request_for: Callable[..., ExportRequest]) -> Callable[[Inexact | None], ExportRequest]:
    return lambda inexact: request_for(
        "coded.avi", "out.avi", inexact=inexact, audio_codec="libmp3lame", rate_hz=48000
    )


def test_nothing_speaks_against_a_new_file(request_for: Callable[..., ExportRequest]) -> None:
    preview = export.preview(request_for(), SILENT)

    assert problem(preview) == ""
    assert preview.taken is None
    assert preview.plan is not None
    assert preview.plan.choices == ()
    assert "gets 160 ms longer" in " ".join(preview.plan.notes)
    assert preview.command is not None
    assert preview.command.startswith("ffmpeg -i ")


@pytest.mark.parametrize(
    ("target", "phrase"),
    [
        ("clip.mp4", "is the source itself"),
        ("nowhere/out.mp4", "does not exist"),
        (".", "is a folder"),
        ("long" * 70 + ".mp4", "the name is too long"),
        ("out.avi", "choose a name that ends in .mp4"),
        ("out", "names a container that cannot be written"),
        ("out.webm", "cannot be written to out.webm"),
    ],
)
def test_what_cannot_be_written_is_said_before(
    request_for: Callable[..., ExportRequest], target: str, phrase: str
) -> None:
    preview = export.preview(request_for(target=target), SILENT)

    assert phrase in problem(preview)
    assert preview.taken is None
    assert (preview.command is None) == (preview.plan is None or not preview.plan.is_possible)


def test_an_existing_file_asks_for_consent(
    request_for: Callable[..., ExportRequest], tmp_path: Path
) -> None:
    (tmp_path / "out.mp4").touch()

    asked = export.preview(request_for(), SILENT)
    assert asked.taken is not None
    assert "exists already" in problem(asked)
    agreed = export.preview(request_for(overwrite=True), SILENT)
    assert agreed.taken is not None
    assert problem(agreed) == ""


def test_a_source_that_is_gone_is_said_before(request_for: Callable[..., ExportRequest]) -> None:
    request = request_for()
    request.info.path.unlink()

    assert "clip.mp4" in problem(export.preview(request, SILENT))


def test_an_inexact_container_leaves_the_choice(
    avi: Callable[[Inexact | None], ExportRequest],
) -> None:
    preview = export.preview(avi(None), SILENT)

    assert preview.plan is not None
    choices = [choice.inexact for choice in preview.plan.choices]
    assert choices == [Inexact.NEAREST, Inexact.REENCODE, None]
    assert preview.needs_choice
    assert problem(preview) == ""
    with pytest.raises(ExportError, match="keeps no times; choose"):
        export.export(preview, SILENT)
    assert preview.command is None


@pytest.mark.parametrize(
    ("inexact", "method", "has_command"),
    [(Inexact.NEAREST, Method.PACKETS, False), (Inexact.REENCODE, Method.DECODED, True)],
)
def test_a_choice_is_followed_and_can_still_be_changed(
    avi: Callable[[Inexact | None], ExportRequest],
    inexact: Inexact,
    method: Method,
    has_command: bool,
) -> None:
    preview = export.preview(avi(inexact), SILENT)

    assert problem(preview) == ""
    assert preview.plan is not None
    assert [move.method for move in preview.plan.moves] == [method]
    assert len(preview.plan.choices) == 3
    assert (preview.command is not None) == has_command


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi"])
def test_the_name_follows_template_and_container(
    request_for: Callable[..., ExportRequest], suffix: str
) -> None:
    request = request_for("coded.avi", audio_codec="libmp3lame", rate_hz=48000)
    target = proposed_target(
        request.info, suffix, "{name}.{delay_ms}.{stream}{ext}", request.correction
    )

    assert target == request.info.path.with_name(f"coded.+160.1{suffix}")


def test_a_file_is_certified_on_request(request_for: Callable[..., ExportRequest]) -> None:
    exported = exported_by(request_for(certifies=True))

    assert exported.verification is not None
    assert exported.verification.passed
    assert exported.certificate is not None
    assert json.loads(exported.certificate.read_text())["passed"]


def test_a_certificate_that_cannot_be_written_leaves_the_verdict(
    request_for: Callable[..., ExportRequest], tmp_path: Path
) -> None:
    (tmp_path / "out.mp4.certificate.json").mkdir()
    exported = exported_by(request_for(certifies=True))

    assert exported.verification is not None
    assert exported.verification.passed
    assert exported.certificate is None
    assert "cannot be written beside out.mp4" in exported.certificate_problem


def test_a_certificate_is_replaced_with_consent_only(
    request_for: Callable[..., ExportRequest], tmp_path: Path
) -> None:
    beside = tmp_path / "out.mp4.certificate.json"
    beside.write_text("precious")
    assert export.preview(request_for(), SILENT).taken is None
    asked = export.preview(request_for(certifies=True), SILENT)
    assert asked.taken is not None
    assert problem(asked).startswith(f"{beside} exists already; choose another name")
    assert problem(export.preview(request_for(certifies=True, overwrite=True), SILENT)) == ""


def test_no_certificate_tells_of_a_file_that_was_replaced(
    request_for: Callable[..., ExportRequest], tmp_path: Path
) -> None:
    beside = tmp_path / "out.mp4.certificate.json"
    exported_by(request_for(certifies=True))
    (tmp_path / "out.mp4").unlink()
    assert problem(export.preview(request_for(), SILENT)).startswith(f"{beside} exists already")
    exported_by(request_for(overwrite=True))
    assert not beside.exists()
    beside.write_text("precious")
    exported_by(request_for(overwrite=True))
    assert beside.read_text() == "precious"


def test_a_certificate_that_cannot_be_deleted_is_told(
    request_for: Callable[..., ExportRequest], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "not permitted")

    certified = exported_by(request_for(certifies=True)).certificate
    assert certified is not None
    original = Path.unlink
    monkeypatch.setattr(
        Path,
        "unlink",
        lambda path, **words: (refuse if path == certified else original)(path, **words),
    )
    exported = exported_by(request_for(overwrite=True))
    assert "tells of the file that was replaced" in " ".join(exported.notes)


def test_nothing_is_certified_unmeasured(request_for: Callable[..., ExportRequest]) -> None:
    request = request_for()
    with pytest.raises(ValueError, match="certifies alone"):
        ExportRequest(
            request.info, request.target, request.correction, verifies=False, certifies=True
        )


def test_no_room_is_said_before(
    request_for: Callable[..., ExportRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    request = request_for()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1, 1, 0))
    assert "free some space" in problem(export.preview(request, SILENT))


def test_times_that_a_drive_does_not_take_are_told(
    request_for: Callable[..., ExportRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    request = replace(request_for(), keeps_times=True)
    monkeypatch.setattr(shutil, "copymode", refuse)
    exported = exported_by(request)
    assert exported.path.is_file()
    assert "could not be given the permissions" in " ".join(exported.notes)


def test_the_command_has_the_layout(request_for: Callable[..., ExportRequest]) -> None:
    command = export.preview(replace(request_for(), layout=Layout.FASTSTART), SILENT).command
    assert command is not None
    assert "-movflags faststart" in command


def test_the_file_is_verified_before_it_gets_its_name(
    request_for: Callable[..., ExportRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    request = replace(request_for(), keeps_times=True)
    named: list[bool] = []

    def watch(*arguments: Any) -> Verification:
        named.append(request.target.exists())
        return verify(*arguments)

    monkeypatch.setattr(export, "verify", watch)
    exported = exported_by(request)
    assert named == [False]
    assert exported.verification == verify(exported.plan, exported.path)
    assert exported.notes == ()
    unverified = exported_by(replace(request, overwrite=True, verifies=False))
    assert unverified.verification is None


def test_a_file_that_fails_leaves_what_was_there(
    request_for: Callable[..., ExportRequest], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = request_for(overwrite=True)
    request.target.write_text("an earlier file")

    def differing(*arguments: Any) -> Verification:
        return replace(verify(*arguments), packets_equal=False)

    monkeypatch.setattr(export, "verify", differing)
    with pytest.raises(ExportError, match="was not kept"):
        exported_by(request)
    assert request.target.read_text() == "an earlier file"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.mp4", "out.mp4"]


class _StoppedWhileChecking:
    def __init__(self) -> None:
        self.stage = ""

    def report(self, progress: Progress) -> None:
        self.stage = progress.stage

    def check(self) -> None:
        if self.stage.startswith("Checking"):
            raise Cancelled


def test_stopping_the_verification_leaves_no_file(
    request_for: Callable[..., ExportRequest], tmp_path: Path
) -> None:
    request = request_for()
    with pytest.raises(Cancelled):
        exported_by(request, _StoppedWhileChecking())
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


@pytest.mark.parametrize("change", ["grow", "touch"])
def test_a_source_that_changes_after_the_preview_is_refused(
    request_for: Callable[..., ExportRequest], tmp_path: Path, change: str
) -> None:
    request = request_for()
    planned = export.preview(request, SILENT)
    assert planned.plan is not None
    assert planned.plan.is_current()
    if change == "grow":
        with request.info.path.open("ab") as file:
            file.write(b"more")
    else:
        os.utime(request.info.path, ns=(0, 0))
    with pytest.raises(ExportError, match=r"clip\.mp4 has changed since it was opened; open it"):
        export.export(planned, SILENT)
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


def test_problems_come_in_one_order(
    request_for: Callable[..., ExportRequest], tmp_path: Path
) -> None:
    """Place, taken name, streams: the first is the one to mend first."""
    request = request_for(target="out.webm")
    (tmp_path / "out.webm").touch()
    taken, *refused = export.preview(request, SILENT).problems(" or else")
    assert taken == f"{request.target} exists already; choose another name or else."
    assert all("cannot be written to out.webm" in sentence for sentence in refused)
    assert refused
    placed = replace(request, target=tmp_path / "nowhere" / "out.webm")
    first, *others = export.preview(placed, SILENT).problems()
    assert "does not exist" in first
    assert others == refused
