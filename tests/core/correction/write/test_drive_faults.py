"""Drives that are full, limited, damaged or gone: one sentence, and nothing wrong has the name."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from fractions import Fraction
from functools import partial
from pathlib import Path

import pytest

from core.correction.correction import Correction
from core.errors import ExportError, SyncError
from core.media.formats.output_format import Layout
from core.media.info import MediaInfo
from core.media.probe import probe
from core.progress import Progress
from core.workflow.from_detection import stretch_correction
from tests.core.correction.accidents import OnThirdCheck
from tests.core.correction.steps import verify_corrected, write_corrected

pytestmark = pytest.mark.usefixtures("written_anew")

ROOT = Path(__file__).parents[4]
PCM = {"audio_codec": "pcm_s16le"}
CODECS = {
    "mp4": {},
    "mov": PCM,
    "mkv": {},
    "ts": {},
    "m2ts": {},
    "flv": {"rate_hz": 44100},
    "avi": {"video_codec": "mpeg4"} | PCM,
    "mxf": {"video_codec": "mpeg2video", "rate_hz": 48000} | PCM,
}
NO_ROOM = "out.{} was not written: there is no room left; free some space or choose another drive."


def corrections(info: MediaInfo) -> list[Correction]:
    """Return a delay, and one with sound that is encoded again."""
    index, delay_s = info.audios[0].index, Fraction(160, 1000)
    stretched = stretch_correction(info, (index,), Fraction(1001, 1000), delay_s, keeps_pitch=False)
    return [Correction((index,), delay_s), stretched]


def layouts(kind: str) -> list[Layout | None]:
    return [None, *Layout] if kind == "mp4" else [None]


LIMITED = """
import resource, sys
from fractions import Fraction
from pathlib import Path
from core.workflow.from_detection import stretch_correction
from core.errors import ExportError
from core.media.formats.output_format import Layout
from core.correction.correction import Correction
from core.media.probe import probe
from tests.core.correction.steps import write_corrected
for source in map(Path, sys.argv[2:]):
    info = probe(source)
    target = Path(sys.argv[1]) / f"out{source.suffix}"
    index = info.audios[0].index
    ratio = Fraction(1001, 1000)
    stretched = stretch_correction(info, (index,), ratio, Fraction(0), keeps_pitch=False)
    for share in (0.0, 0.1, 0.6, 0.9):
        n_bytes = round(share * info.size_bytes)
        for correction in (Correction((index,), Fraction(1, 100)), stretched):
            for layout in [None, *Layout] if source.suffix == ".mp4" else [None]:
                resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, resource.RLIM_INFINITY))
                try:
                    write_corrected(info, target, correction, layout=layout)
                    message = "written"
                except ExportError as error:
                    message = error.message
                resource.setrlimit(resource.RLIMIT_FSIZE, [resource.RLIM_INFINITY] * 2)
                print(message)
"""


@pytest.mark.skipif(os.name != "posix", reason="limits of file size are POSIX")
def test_a_limit_of_file_size_is_told_in_one_sentence_wherever_it_strikes(
    make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    clips = [make_clip(f"clip.{k}", duration_s=2, size=(96, 80), **CODECS[k]) for k in CODECS]
    folder = tmp_path / "target"
    folder.mkdir()
    result = subprocess.run(
        [sys.executable, "-c", LIMITED, folder, *clips],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    words = "was not written: the drive takes no file as large as this; choose another drive."
    expected = [f"out{clip.suffix} {words}" for clip in clips]
    told = result.stdout.splitlines()
    assert len(told) == 8 * (len(clips) + 2)
    assert list(dict.fromkeys(told)) == expected
    assert result.stderr == ""
    assert list(folder.iterdir()) == []


class Filler:
    """Takes the room on a drive while a file is written to it."""

    def __init__(self, folder: Path, n_left: int) -> None:
        self._folder = folder
        self._n_left = n_left
        self._n_checks = 3

    def report(self, progress: Progress) -> None:
        pass

    def check(self) -> None:
        self._n_checks -= 1
        if self._n_checks:
            return
        with suppress(OSError), (self._folder / "fill").open("wb", buffering=0) as file:
            while file.write(bytes(1 << 16)):
                pass
        size = (self._folder / "fill").stat().st_size
        os.truncate(self._folder / "fill", max(size - self._n_left, 0))


def mount(folder: Path, *arguments: str) -> None:
    folder.mkdir(exist_ok=True)
    command = ["mount", *arguments, str(folder)]
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount program")
    if result.returncode:
        pytest.skip(f"nothing can be mounted here: {result.stderr.strip()}")


def ext4_image(path: Path, n_megabytes: int) -> Path:
    if shutil.which("mkfs.ext4") is None:
        pytest.skip("there is no mkfs.ext4 program")
    with path.open("wb") as file:
        file.truncate(n_megabytes << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", "-m", "0", path], check=True)
    return path


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    """A folder to mount something on, free again afterwards."""
    folder = tmp_path / "mounted"
    folder.mkdir()
    yield folder
    subprocess.run(["umount", "-l", folder], capture_output=True, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("drive", ["tmpfs", "ext4"])
def test_a_drive_that_fills_up_keeps_what_it_had(
    drive: str, make_clip: Callable[..., Path], mounted: Path, tmp_path: Path
) -> None:
    if drive == "tmpfs":
        mount(mounted, "-t", "tmpfs", "-o", "size=12m", "none")
    else:
        mount(mounted, "-o", "loop", str(ext4_image(tmp_path / "drive.img", 16)))
    n_before = len(list(mounted.iterdir()))
    for kind, options in CODECS.items():
        info = probe(make_clip(f"clip.{kind}", duration_s=30, **options))
        target = mounted / f"out.{kind}"
        for correction in corrections(info):
            for layout in layouts(kind):
                for share in (0.0, 0.3, 0.6):
                    target.write_bytes(b"old")
                    filler = Filler(mounted, round(share * info.size_bytes))
                    with pytest.raises(ExportError) as caught:
                        write_corrected(
                            info, target, correction, overwrite=True, layout=layout, monitor=filler
                        )
                    (mounted / "fill").unlink()
                    assert caught.value.message == NO_ROOM.format(kind)
                    assert target.read_bytes() == b"old"
                    target.unlink()
                    assert len(list(mounted.iterdir())) == n_before


SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
ssize_t read(int fd, void *buffer, size_t n) {
    static ssize_t (*next)(int, void *, size_t);
    if (!next) next = dlsym(RTLD_NEXT, "read");
    const char *name = getenv("DAMAGED_FILE"), *place = getenv("DAMAGED_AT");
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = name && place ? readlink(link, path, sizeof path - 1) : 0;
    if (length <= 0) return next(fd, buffer, n);
    path[length] = 0;
    off_t here = lseek(fd, 0, SEEK_CUR), damaged = atoll(place);
    if (strcmp(path, name) || here >= damaged + 4096 || here + (off_t)n <= damaged)
        return next(fd, buffer, n);
    if (here < damaged) return next(fd, buffer, damaged - here);
    errno = EIO;
    return -1;
}
"""


@pytest.fixture
def shim(tmp_path: Path) -> Path:
    """A library that lets one file have a place that cannot be read."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("damage is feigned on Linux with a C compiler only")
    (tmp_path / "shim.c").write_text(SHIM)
    library = tmp_path / "shim.so"
    command = [compiler, "-shared", "-fPIC", "-o", library, tmp_path / "shim.c", "-ldl"]
    subprocess.run(command, check=True)
    return library


@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=() if kind == "mkv" else pytest.mark.slow) for kind in CODECS],
)
def test_a_source_with_a_place_that_cannot_be_read_makes_no_file(
    kind: str, make_clip: Callable[..., Path], shim: Path, tmp_path: Path
) -> None:
    clip = make_clip(f"clip.{kind}", duration_s=6, **CODECS[kind])
    target = tmp_path / "target"
    target.mkdir()
    for share in (0.5, 0.98):
        for how in (["--delay", "160"], ["--stretch", "1.001"]):
            command = [sys.executable, "-m", "synchformer_gui", "correct", clip, *how]
            result = subprocess.run(
                [*command, "-o", target / f"out.{kind}"],
                capture_output=True,
                text=True,
                check=False,
                cwd=ROOT,
                env={
                    **os.environ,
                    "LD_PRELOAD": str(shim),
                    "DAMAGED_FILE": str(clip),
                    "DAMAGED_AT": str(round(share * clip.stat().st_size)),
                },
            )
            assert result.returncode == 3
            last = result.stderr.splitlines()[-1]
            assert re.fullmatch(
                rf"{clip.name} cannot be read (to its end|\(Input/output error\)).*; "
                r".*copy it again from where it came from\.",
                last,
            ), last
            assert "Traceback" not in result.stderr
            assert list(target.iterdir()) == []


@pytest.mark.slow
def test_a_drive_with_a_damaged_end_makes_no_file(
    make_clip: Callable[..., Path], mounted: Path, tmp_path: Path
) -> None:
    """The image of a mounted drive loses its second half, so that reading fails for good."""
    image = ext4_image(tmp_path / "drive.img", 16)
    mount(mounted, "-o", "loop", str(image))
    for kind, options in CODECS.items():
        made = make_clip(f"clip.{kind}", duration_s=5, **options)
        shutil.copy(made, mounted)
    subprocess.run(["umount", mounted], check=True)
    mount(mounted, "-o", "loop", str(image))
    infos = [probe(mounted / f"clip.{kind}") for kind in CODECS]
    target = tmp_path / "target"
    target.mkdir()
    content = {info.path: info.path.read_bytes() for info in infos}
    places = sorted(
        image.read_bytes().find(some[len(some) // 2 :][:4096]) for some in content.values()
    )
    os.truncate(image, places[0])
    Path("/proc/sys/vm/drop_caches").write_text("1")
    n_refused = 0
    for info in infos:
        for correction in corrections(info):
            out = target / f"out{info.path.suffix}"
            try:
                write_corrected(info, out, correction)
            except SyncError as error:
                n_refused += 1
                message = error.message
                assert info.path.name in message, message
            else:
                assert verify_corrected(info, out, correction).passed
                out.unlink()
            assert list(target.iterdir()) == []
    assert n_refused


@pytest.mark.slow
@pytest.mark.parametrize("kind", CODECS)
def test_a_source_whose_drive_is_taken_away_makes_no_file(
    kind: str, make_clip: Callable[..., Path], mounted: Path, tmp_path: Path
) -> None:
    clip = make_clip(f"clip.{kind}", duration_s=10, **CODECS[kind])
    target = tmp_path / "target"
    target.mkdir()
    for number in range(2):
        mount(mounted, "-t", "tmpfs", "-o", "size=12m", "none")
        info = probe(Path(shutil.copy(clip, mounted)))
        detach = partial(subprocess.run, ["umount", "-l", mounted], check=True)
        words = "(cannot be reached any more; check its drive|does not exist; check its name)"
        with pytest.raises(SyncError, match=rf"clip\.{kind} {words}"):
            write_corrected(
                info,
                target / f"out.{kind}",
                corrections(info)[number],
                monitor=OnThirdCheck(detach),
            )
        assert list(target.iterdir()) == []
