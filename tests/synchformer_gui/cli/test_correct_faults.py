"""The real command, killed at any moment, or sent where it may not write."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import pytest

from core.correction.correction import Correction
from core.media.probe import probe
from core.workflow.from_detection import stretch_correction
from tests.core.correction.steps import verify_corrected

ROOT = Path(__file__).parents[3]
PCM = {"audio_codec": "pcm_s16le"}
DELAY = ("--delay", "160")
STRETCH = ("--stretch", "1001/1000")
CASES = {
    "mp4": ("mp4", {}, DELAY),
    "faststart": ("mp4", {}, (*DELAY, "--layout", "faststart")),
    "fragmented": ("mp4", {}, (*DELAY, "--layout", "fragmented")),
    "mkv": ("mkv", {}, DELAY),
    "ts": ("ts", {}, DELAY),
    "avi": ("avi", {"video_codec": "mpeg4"} | PCM, DELAY),
    "mxf": ("mxf", {"video_codec": "mpeg2video", "rate_hz": 48000} | PCM, DELAY),
    "retimed": ("mp4", {}, STRETCH),
    "retimed mkv": ("mkv", {}, STRETCH),
}
OLD = b"what was there before"
SOME_TIME_S = 1000

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kills and permissions are POSIX")


def command(clip: Path, target: Path, *options: str) -> list[str]:
    name = [sys.executable, "-m", "synchformer_gui", "correct", str(clip), "-o", str(target)]
    return [*name, *options]


def ran(clip: Path, target: Path, *options: str) -> subprocess.CompletedProcess[str]:
    words = command(clip, target, *options)
    return subprocess.run(words, capture_output=True, text=True, check=False, cwd=ROOT)


def partials(folder: Path) -> list[Path]:
    return list(folder.glob(".out.*.partial~"))


def kill_some_time_after_the_file_appears(words: list[str], folder: Path, wait_s: float) -> bool:
    """Start a command and kill it; tell whether it was still running."""
    with subprocess.Popen(
        words, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        while process.poll() is None and not partials(folder):
            time.sleep(0.002)
        time.sleep(wait_s)
        process.send_signal(signal.SIGKILL)
        return process.wait() == -signal.SIGKILL


@pytest.mark.parametrize(
    ("name", "n_kills"),
    [("mp4", 2), *(pytest.param(name, 12, marks=pytest.mark.slow) for name in CASES)],
)
def test_a_kill_leaves_the_old_file_or_the_new_one_and_the_next_export_clears_up(
    name: str, n_kills: int, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    kind, codecs, options = CASES[name]
    clip = make_clip(f"clip.{kind}", duration_s=10, **codecs)
    folder = tmp_path / "target"
    folder.mkdir()
    target = folder / f"out.{kind}"
    info = probe(clip)
    index = info.audios[0].index
    correction = Correction((index,), Fraction(160, 1000))
    if options == STRETCH:
        ratio = Fraction(1001, 1000)
        correction = stretch_correction(info, (index,), ratio, Fraction(0), keeps_pitch=False)
    rng = random.Random(name)
    n_killed = 0
    longest_s = 0.2 if options != STRETCH else 1.0
    for _ in range(n_kills):
        target.write_bytes(OLD)
        words = command(clip, target, *options, "--overwrite")
        wait_s = rng.uniform(0, longest_s)
        n_killed += kill_some_time_after_the_file_appears(words, folder, wait_s)
        if target.read_bytes() != OLD:
            assert verify_corrected(info, target, correction).passed
        assert all(path == target or path in partials(folder) for path in folder.iterdir())
    assert n_killed >= n_kills / 4
    target.write_bytes(OLD)
    kill_some_time_after_the_file_appears(command(clip, target, *options, "--overwrite"), folder, 0)
    for left in partials(folder):
        moment_s = time.time() - SOME_TIME_S
        os.utime(left, (moment_s, moment_s))
    assert ran(clip, target, *options, "--overwrite").returncode == 0
    assert verify_corrected(info, target, correction).passed
    assert list(folder.iterdir()) == [target]


def test_a_full_drive_of_the_log_is_no_failure(
    make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    """A limit of file size that the small clip keeps and a long log does not stands for it."""
    import resource

    clip, home = make_clip(duration_s=1, size=(64, 48)), tmp_path / "home"
    (home / "logs").mkdir(parents=True)
    n_bytes = 500_000
    (home / "logs" / "synchformer-gui.log").write_bytes(bytes(n_bytes))
    result = subprocess.run(
        command(clip, tmp_path / "out.mp4", *DELAY),
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "SYNCHFORMER_HOME": str(home)},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, n_bytes)),
    )
    assert result.returncode == 0
    assert "Traceback" not in result.stderr
    assert (tmp_path / "out.mp4").exists()


def as_nobody() -> None:
    if os.geteuid() == 0:
        os.setegid(65534)
        os.seteuid(65534)


def assert_one_sentence(result: subprocess.CompletedProcess[str], sentence: str) -> None:
    said = [line for line in result.stderr.splitlines() if not line.endswith("…")]
    assert said == [sentence]


def test_a_folder_that_may_not_be_written_to_is_told(
    make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    from core.errors import ExportError
    from tests.core.correction.steps import write_corrected

    clip = make_clip(duration_s=1, size=(64, 48))
    folder = tmp_path / "locked"
    folder.mkdir()
    (folder / "out.mp4").write_bytes(OLD)
    folder.chmod(0o555)
    own = [path for path in clip.parents if "pytest-" in str(path)]
    for path in (clip, *own):
        path.chmod(0o755)
    info = probe(clip)
    try:
        as_nobody()
        with pytest.raises(ExportError) as caught:
            write_corrected(
                info, folder / "out.mp4", Correction((1,), Fraction(1, 10)), overwrite=True
            )
    finally:
        if os.getuid() == 0:
            os.seteuid(0)
            os.setegid(0)
        folder.chmod(0o755)
    words = f"you may not write to {folder}; choose another folder."
    assert caught.value.message == f"out.mp4 was not written: {words}"
    assert [path.name for path in folder.iterdir()] == ["out.mp4"]
    assert (folder / "out.mp4").read_bytes() == OLD


def test_a_missing_folder_is_told(make_clip: Callable[..., Path], tmp_path: Path) -> None:
    clip = make_clip(duration_s=1, size=(64, 48))
    result = ran(clip, tmp_path / "missing" / "out.mp4", *DELAY)
    assert result.returncode == 64
    sentence = f"Invalid value for --output: there is no folder {tmp_path / 'missing'}"
    assert_one_sentence(result, sentence)
    assert [path.name for path in tmp_path.iterdir()] == [clip.name]


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    """A folder to mount something on, free again afterwards."""
    folder = tmp_path / "mounted"
    folder.mkdir()
    yield folder
    subprocess.run(["umount", "-l", folder], capture_output=True, check=False)


def mount(words: list[str]) -> None:
    try:
        result = subprocess.run(words, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip(f"there is no {words[0]} program")
    if result.returncode:
        pytest.skip(f"nothing can be mounted here: {result.stderr.strip()}")


@pytest.mark.slow
def test_a_drive_that_is_read_only_is_told(make_clip: Callable[..., Path], mounted: Path) -> None:
    mount(["mount", "-t", "tmpfs", "-o", "ro,size=8m", "none", str(mounted)])
    result = ran(make_clip(duration_s=1, size=(64, 48)), mounted / "out.mp4", *DELAY)
    assert result.returncode == 3
    words = f"{mounted} is read-only; choose another folder."
    assert_one_sentence(result, f"out.mp4 was not written: {words}")


@pytest.mark.slow
@pytest.mark.parametrize("driver", ["kernel", "fusefat", "exfat"])
def test_times_are_kept_on_fat_as_far_as_it_can(
    driver: str, make_clip: Callable[..., Path], mounted: Path, tmp_path: Path
) -> None:
    maker = "mkfs.exfat" if driver == "exfat" else "mkfs.vfat"
    if shutil.which(maker) is None:
        pytest.skip(f"there is no {maker} program")
    image = tmp_path / "fat.img"
    with image.open("wb") as file:
        file.truncate(48 << 20)
    subprocess.run([maker, image], check=True, capture_output=True)
    if driver == "kernel":
        mount(["mount", "-t", "vfat", "-o", "loop", str(image), str(mounted)])
    elif driver == "fusefat":
        mount(["fusefat", "-o", "rw+", str(image), str(mounted)])
    else:
        mount(["mount", "-t", "exfat-fuse", "-o", "loop", str(image), str(mounted)])
    clip = make_clip(duration_s=2, size=(96, 80))
    clip.chmod(0o640)
    target = mounted / "out.mp4"
    result = ran(clip, target, *DELAY, "--keep-times")
    assert result.returncode == 0, result.stderr
    info = probe(clip)
    assert verify_corrected(info, target, Correction((1,), Fraction(160, 1000))).passed
    assert [path.name for path in mounted.iterdir()] == [target.name]
