"""Axes of the sync map: clock times below, offsets without a sign at the left."""

from collections.abc import Sequence

import pyqtgraph as pg

from core.units import clock_text


class ClockAxis(pg.AxisItem):  # type: ignore[misc]
    """Clip times."""

    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:
        texts = [clock_text(max(0.0, value)) for value in values]
        return texts if spacing < 1 else [text.split(".")[0] for text in texts]


class OffsetAxis(pg.AxisItem):  # type: ignore[misc]
    """Offsets in ms. Above the zero line the audio is early, below it is late."""

    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:
        return [f"{abs(value) * 1000:.0f}" for value in values]
