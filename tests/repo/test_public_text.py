"""The project's text stands alone: no paths of a machine, no registry hosts."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = {".jpg", ".mp4", ".png", ".npz", ".ico", ".safetensors"}
FORBIDDEN = re.compile(r"/(?:work|root|home/\w+)/|files\.pythonhosted|(?<!\w)pypi\.org", re.ASCII)


def test_no_text_names_a_machine_or_a_registry():
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    paths = [ROOT / name for name in listed if Path(name).suffix not in BINARY]
    offenders = [
        f"{path.relative_to(ROOT)}: {found[0]}"
        for path in paths
        if path.is_file() and path != Path(__file__).resolve()
        for found in [FORBIDDEN.search(path.read_text(encoding="utf-8"))]
        if found
    ]

    assert paths
    assert offenders == []
