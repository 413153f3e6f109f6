import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from core.correction.correction import Correction, Inexact
from core.correction.plan.plan import Method
from core.media.formats.output_format import Layout
from core.media.probe import probe
from core.progress import SILENT
from core.workflow.export import ExportRequest, export_clip, preview_export, proposed_target

MakeClip = Callable[..., Path]

DELAY_S = Fraction(4, 25)


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
    preview = preview_export(request_for(), SILENT)

    assert preview.problem == ""
    assert not preview.target_exists
    assert preview.choices == ()
    assert preview.plan is not None
    assert "gets 160 ms longer" in " ".join(preview.plan.notes)
    assert preview.command is not None
    assert preview.command.startswith("ffmpeg -i ")


@pytest.mark.parametrize(
    ("target", "phrase"),
    [
        ("clip.mp4", "The original is never replaced"),
        ("nowhere/out.mp4", "There is no folder"),
        (".", "Name the new file"),
        ("long" * 70 + ".mp4", "choose another name or folder"),
        ("out.avi", "choose a name that ends in .mp4"),
        ("out", "names a container that cannot be written"),
        ("out.webm", "cannot be written to out.webm"),
    ],
)
def test_what_cannot_be_written_is_said_before(
    request_for: Callable[..., ExportRequest], target: str, phrase: str
) -> None:
    preview = preview_export(request_for(target=target), SILENT)

    assert phrase in preview.problem
    assert not preview.target_exists
    assert (preview.command is None) == (preview.plan is None or bool(preview.plan.refused))


def test_an_existing_file_asks_for_consent(
    request_for: Callable[..., ExportRequest], tmp_path: Path
) -> None:
    (tmp_path / "out.mp4").touch()

    asked = preview_export(request_for(), SILENT)
    assert asked.target_exists
    assert "exists already" in asked.problem
    agreed = preview_export(request_for(overwrite=True), SILENT)
    assert agreed.target_exists
    assert agreed.problem == ""


def test_a_source_that_is_gone_is_said_before(request_for: Callable[..., ExportRequest]) -> None:
    request = request_for()
    request.info.path.unlink()

    assert "clip.mp4" in preview_export(request, SILENT).problem


def test_an_inexact_container_leaves_the_choice(
    avi: Callable[[Inexact | None], ExportRequest],
) -> None:
    preview = preview_export(avi(None), SILENT)

    assert [one.inexact for one in preview.choices] == [Inexact.NEAREST, Inexact.REENCODE, None]
    assert preview.problem == "Choose how the sound is to be moved."
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
    preview = preview_export(avi(inexact), SILENT)

    assert preview.problem == ""
    assert preview.plan is not None
    assert [move.method for move in preview.plan.moves] == [method]
    assert len(preview.choices) == 3
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
    exported = export_clip(request_for(certifies=True), SILENT)

    assert exported.verification is not None
    assert exported.verification.passed
    assert exported.certificate is not None
    assert json.loads(exported.certificate.read_text())["passed"]


def test_a_certificate_that_cannot_be_written_leaves_the_verdict(
    request_for: Callable[..., ExportRequest], tmp_path: Path
) -> None:
    (tmp_path / "out.mp4.certificate.json").mkdir()
    exported = export_clip(request_for(certifies=True), SILENT)

    assert exported.verification is not None
    assert exported.verification.passed
    assert exported.certificate is None
    assert "cannot be written beside out.mp4" in exported.certificate_problem


def test_a_certificate_is_replaced_with_consent_only(
    request_for: Callable[..., ExportRequest], tmp_path: Path
) -> None:
    beside = tmp_path / "out.mp4.certificate.json"
    beside.write_text("precious")
    assert not preview_export(request_for(), SILENT).target_exists
    asked = preview_export(request_for(certifies=True), SILENT)
    assert asked.target_exists
    assert asked.problem.startswith("out.mp4.certificate.json exists already; choose another name")
    assert preview_export(request_for(certifies=True, overwrite=True), SILENT).problem == ""


def test_no_certificate_tells_of_a_file_that_was_replaced(
    request_for: Callable[..., ExportRequest], tmp_path: Path
) -> None:
    beside = tmp_path / "out.mp4.certificate.json"
    export_clip(request_for(certifies=True), SILENT)
    (tmp_path / "out.mp4").unlink()
    assert preview_export(request_for(), SILENT).problem.startswith(f"{beside.name} exists already")
    export_clip(request_for(overwrite=True), SILENT)
    assert not beside.exists()
    beside.write_text("precious")
    export_clip(request_for(overwrite=True), SILENT)
    assert beside.read_text() == "precious"


def test_a_certificate_that_cannot_be_deleted_is_told(
    request_for: Callable[..., ExportRequest], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "not permitted")

    certified = export_clip(request_for(certifies=True), SILENT).certificate
    assert certified is not None
    original = Path.unlink
    monkeypatch.setattr(
        Path,
        "unlink",
        lambda path, **words: (refuse if path == certified else original)(path, **words),
    )
    exported = export_clip(request_for(overwrite=True), SILENT)
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
    assert "free some space" in preview_export(request, SILENT).problem


def test_times_that_a_drive_does_not_take_are_told(
    request_for: Callable[..., ExportRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    request = replace(request_for(), keeps_times=True)
    monkeypatch.setattr(shutil, "copymode", refuse)
    exported = export_clip(request, SILENT)
    assert exported.path.is_file()
    assert "could not be given the permissions" in " ".join(exported.notes)


def test_the_command_has_the_layout(request_for: Callable[..., ExportRequest]) -> None:
    command = preview_export(replace(request_for(), layout=Layout.FASTSTART), SILENT).command
    assert command is not None
    assert "-movflags faststart" in command
