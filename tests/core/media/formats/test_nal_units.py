from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import pytest

from core.correction.correction import Correction
from core.media.formats.nal_units import nal_units, parameter_sets
from core.media.probe import probe
from tests.core.correction.steps import write_corrected

LATER = Correction((1,), Fraction(160, 1000))


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_the_coded_content_is_the_same_however_it_is_framed(
    codec: str, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    info = probe(make_clip("clip.mp4", duration_s=2, size=(160, 128), video_codec=codec))
    write_corrected(info, tmp_path / "out.ts", LATER)
    with av.open(str(info.path)) as one, av.open(str(tmp_path / "out.ts")) as other:
        for index in range(2):
            before = [p for p in one.demux(one.streams[index]) if p.size]
            after = [p for p in other.demux(other.streams[index]) if p.size]
            assert [bytes(p) for p in before] != [bytes(p) for p in after]
            contents = [nal_units(bytes(p), p.stream) for p in before]
            assert contents == [nal_units(bytes(p), p.stream) for p in after]
            assert sum(map(len, contents)) > 0.7 * sum(p.size for p in before)
            one.seek(0)
            other.seek(0)


@pytest.mark.parametrize(("codec", "n_sets"), [("libx264", 2), ("libx265", 3)])
def test_parameter_sets_are_the_same_in_every_header(
    codec: str, n_sets: int, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    info = probe(make_clip("clip.mp4", duration_s=2, size=(160, 128), video_codec=codec))
    write_corrected(info, tmp_path / "out.ts", LATER)
    with av.open(str(info.path)) as one, av.open(str(tmp_path / "out.ts")) as other:
        found = [parameter_sets(file.streams.video[0]) for file in (one, other)]
        assert found[0] == found[1]
        assert len(found[0]) == n_sets
