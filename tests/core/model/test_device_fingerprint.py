import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.model import device_fingerprint
from core.model.device_fingerprint import machine_fingerprint


def test_the_facts_stay_until_something_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    before = machine_fingerprint()
    assert machine_fingerprint() == before
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "none of them")
    assert machine_fingerprint() != before
    monkeypatch.undo()
    monkeypatch.setattr("core.model.device_fingerprint.version", lambda _: "0.1")
    assert machine_fingerprint() != before


def test_a_cpu_is_known_by_what_it_can_do_with_short_numbers(tmp_path: Path) -> None:
    described = tmp_path / "cpuinfo"
    found = []
    for flags in ("sse avx512_bf16", "sse avx512_bf16 more", "sse", "amx_bf16 avx512_bf16"):
        described.write_text(f"processor\t: 0\nflags\t\t: {flags}\n\nprocessor\t: 1\n")
        found.append(device_fingerprint._cpu(described))
    assert found[0] == found[1]
    assert len(set(found)) == 3
    assert device_fingerprint._cpu(tmp_path / "missing")


@pytest.mark.skipif(os.name == "nt", reason="looks into the folder of devices")
def test_a_gpu_is_known_by_what_its_driver_shows(tmp_path: Path) -> None:
    assert device_fingerprint._gpus(tmp_path) == []
    (tmp_path / "dri").mkdir()
    for name in ("nvidia0", "nvidia-caps", "dri/renderD128", "tty"):
        (tmp_path / name).touch()
    assert device_fingerprint._gpus(tmp_path) == ["dri/renderD128", "nvidia0"]


def test_finding_out_takes_no_torch() -> None:
    code = (
        "import sys; from core.model.device_fingerprint import machine_fingerprint;"
        "machine_fingerprint(); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
