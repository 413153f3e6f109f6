import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def line_run() -> ModuleType:
    """Return the module that trains a small network; tests also start it as a process."""
    spec = importlib.util.spec_from_file_location("line_run", Path(__file__).parent / "line_run.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
