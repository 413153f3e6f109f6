"""What an ordinary installation carries."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_the_wheel_carries_the_resources(tmp_path):
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--no-deps", "-q", "-w", str(tmp_path), str(ROOT)],
        check=True,
    )
    (wheel,) = tmp_path.glob("*.whl")

    names = zipfile.ZipFile(wheel).namelist()

    assert "synchformer_gui/_resources/sample.mp4" in names
    assert "synchformer_gui/_resources/builtin/weights.safetensors" in names
    assert "core/timing.py" in names
    assert not any(name.startswith(("training/", "tests/")) for name in names)
