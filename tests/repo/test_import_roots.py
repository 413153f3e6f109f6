import importlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", ["core", "training", "synchformer_gui"])
def test_our_packages_come_from_this_checkout(name):
    module = importlib.import_module(name)

    assert Path(str(module.__file__)).resolve() == ROOT / name / "__init__.py"


def test_our_packaging_folder_does_not_shadow_the_library():
    found = subprocess.run(
        [sys.executable, "-c", "import packaging.version as v; print(v.__file__)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    assert ROOT / "packaging" not in Path(found.stdout.strip()).parents
    assert not (ROOT / "packaging" / "__init__.py").exists()
    assert not (ROOT / "resources" / "__init__.py").exists()
