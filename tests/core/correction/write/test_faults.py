"""Whatever happens while a file is written, nothing wrong gets its name."""

import os
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from core.correction.correction import Correction
from core.errors import ExportError
from core.media.formats.output_format import Layout
from core.media.probe import probe
from tests.core.correction.accidents import OnThirdCheck
from tests.core.correction.steps import write_corrected

pytestmark = pytest.mark.usefixtures("written_anew")

KILLS = """
import os, random, signal, sys, time
from fractions import Fraction
from pathlib import Path
from core.correction.correction import Correction
from core.media.probe import probe
from tests.core.correction.steps import write_corrected
from tests.core.correction.steps import verify_corrected

class Slow:
    def report(self, progress): pass
    def check(self): time.sleep(0.005)

source, folder = Path(sys.argv[1]), Path(sys.argv[2])
info = probe(source)
correction = Correction((info.audios[0].index,), Fraction(16, 100))
random.seed(0)
n_unfinished = 0
for number in range(10):
    target = folder / f"{number}.mkv"
    child = os.fork()
    if child == 0:
        write_corrected(info, target, correction, monitor=Slow())
        os._exit(0)
    time.sleep(random.uniform(0.0, 0.4))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    if target.exists():
        assert verify_corrected(info, target, correction).passed
    else:
        n_unfinished += 1
print(n_unfinished)
"""


@pytest.mark.skipif(os.name != "posix", reason="forks and kills are POSIX")
def test_a_killed_writer_leaves_no_file_under_the_name(long_clip: Path, tmp_path: Path) -> None:
    content = long_clip.read_bytes()
    result = subprocess.run(
        [sys.executable, "-c", KILLS, long_clip, tmp_path],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[4])},
    )
    assert int(result.stdout) >= 3
    left = [entry.name for entry in tmp_path.iterdir()]
    assert any(name.endswith(".partial~") for name in left)
    assert long_clip.read_bytes() == content


CODECS = {
    "mp4": {},
    "mkv": {},
    "ts": {},
    "flv": {"rate_hz": 44100},
    "avi": {"video_codec": "mpeg4", "audio_codec": "pcm_s16le"},
    "mxf": {"video_codec": "mpeg2video", "audio_codec": "pcm_s16le", "rate_hz": 48000},
}


@pytest.mark.parametrize("kind", CODECS)
def test_a_source_that_vanishes_while_it_is_read_makes_no_file(
    kind: str, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    info = probe(make_clip(f"clip.{kind}", duration_s=6, **CODECS[kind]))
    correction = Correction((info.audios[0].index,), Fraction(160, 1000))
    words = r"(cannot be read to its end|changed|has changed)"
    with pytest.raises(ExportError, match=rf"^clip\.{kind} {words}"):
        write_corrected(
            info,
            tmp_path / f"out.{kind}",
            correction,
            monitor=OnThirdCheck(lambda: os.truncate(info.path, info.path.stat().st_size // 2)),
        )
    assert [entry.name for entry in tmp_path.iterdir()] == [info.path.name]


@pytest.mark.parametrize("kind", ["flv", "avi", "mxf"])
def test_a_source_that_ends_before_its_stated_length_makes_no_file(
    kind: str, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    clip = make_clip(f"clip.{kind}", duration_s=6, **CODECS[kind])
    os.truncate(clip, clip.stat().st_size * 6 // 10)
    info = probe(clip)
    correction = Correction((info.audios[0].index,), Fraction(160, 1000))
    with pytest.raises(ExportError, match=rf"^clip\.{kind} cannot be read to its end"):
        write_corrected(info, tmp_path / f"out.{kind}", correction)
    assert [entry.name for entry in tmp_path.iterdir()] == [clip.name]


@pytest.mark.skipif(os.name != "posix", reason="permissions of groups are POSIX")
def test_times_and_permissions_are_kept_when_asked(
    make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    clip = make_clip("clip.mp4", duration_s=1, size=(96, 80))
    clip.chmod(0o640)
    os.utime(clip, ns=(10**18, 10**18))
    info = probe(clip)
    correction = Correction((info.audios[0].index,), Fraction(160, 1000))
    plain = write_corrected(info, tmp_path / "plain.mp4", correction)
    kept = write_corrected(info, tmp_path / "kept.mp4", correction, keeps_times=True)
    assert kept.stat().st_mtime_ns == 10**18 != plain.stat().st_mtime_ns
    assert kept.stat().st_mode & 0o777 == 0o640


@pytest.mark.skipif(sys.platform != "darwin", reason="files are locked on macOS")
def test_a_locked_source_makes_a_file_that_is_not(
    make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    clip = make_clip("clip.mp4", duration_s=1, size=(96, 80))
    subprocess.run(["chflags", "uchg", clip], check=True)
    try:
        correction = Correction((1,), Fraction(160, 1000))
        kept = write_corrected(probe(clip), tmp_path / "kept.mp4", correction, keeps_times=True)
    finally:
        subprocess.run(["chflags", "nouchg", clip], check=True)
    assert kept.stat().st_mtime_ns == clip.stat().st_mtime_ns
    kept.unlink()


def test_a_recording_of_nothing_but_its_head_makes_no_file(
    make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    whole, cut, target = (tmp_path / name for name in ("whole.mp4", "cut.mp4", "out.mp4"))
    info = probe(make_clip(duration_s=2.0, size=(64, 48)))
    write_corrected(info, whole, Correction((1,), Fraction(1, 100)), layout=Layout.FRAGMENTED)
    content = whole.read_bytes()
    cut.write_bytes(content[: content.index(b"moof") - 4])
    with pytest.raises(ExportError, match="cannot be read to its end"):
        write_corrected(probe(cut), target, Correction((1,), Fraction(1, 100)))
    assert not target.exists()
