from pathlib import Path

import pytest

from core.errors import ExportError
from core.media.formats.output_format import can_write, output_format

ISO = "mov,mp4,m4a,3gp,3g2,mj2"


@pytest.mark.parametrize("suffix", [".mp4", ".M4V", ".mov", ".mkv", ".webm", ".ts", ".m2ts"])
def test_containers_with_times_take_any_source(suffix: str) -> None:
    assert can_write(suffix, "asf")
    assert output_format(Path(f"clip{suffix}"), "asf").keeps_times


@pytest.mark.parametrize("name", ["avi", "mxf", "flv"])
def test_some_containers_are_rewritten_only(name: str) -> None:
    assert can_write(f".{name}", name)
    assert output_format(Path(f"clip.{name}"), name).name == name
    assert not can_write(f".{name}", ISO)
    with pytest.raises(ExportError, match=f"another {name.upper()} file only"):
        output_format(Path(f"clip.{name}"), ISO)


@pytest.mark.parametrize("suffix", ["", ".wmv"])
def test_an_unknown_suffix_is_refused_with_advice(suffix: str) -> None:
    assert not can_write(suffix, ISO)
    with pytest.raises(ExportError, match=rf"^clip{suffix} names a container"):
        output_format(Path(f"clip{suffix}"), ISO)
