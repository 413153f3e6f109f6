"""Fixtures of the tests of the core."""

import pytest

from core.correction.plan import plan
from core.media.formats.patch import Unpatchable


@pytest.fixture
def written_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no source be patched, as if its structure were damaged."""

    def refuse(*_: object, **__: object) -> None:
        raise Unpatchable("its structure is damaged")

    monkeypatch.setattr(plan, "plan_patch", refuse)
