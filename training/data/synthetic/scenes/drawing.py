"""Shapes, lights and colours shared by signals, creatures, instruments and machines."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from training.data.synthetic.performance import Canvas, Stage

Floats = NDArray[np.float64]
Colour = tuple[int, int, int]

_FIXED_POINT_BITS = 4
_TURN = np.linspace(0, 2 * np.pi, 28, endpoint=False)
_CIRCLE = np.stack([np.cos(_TURN), np.sin(_TURN)], axis=1)
_SQUARE = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
_GLOW_AXIS = np.linspace(-1, 1, 65)
_GLOW = np.clip(1 - np.hypot(*np.meshgrid(_GLOW_AXIS, _GLOW_AXIS)), 0, 1).astype(np.float32) ** 2


@dataclass(frozen=True, slots=True, eq=False)
class Spot:
    """Position of a thing: its centre and the length of its unit, in pixels."""

    x: float
    y: float
    scale: float

    @property
    def focus_px(self) -> tuple[float, float]:
        return self.x, self.y


def cast(
    rng: np.random.Generator, stage: Stage, half_width: float, half_height: float, least: float
) -> Spot:
    """Place a thing of a half size in own units; the longer side is `least` to 0.6 of short_px."""
    share = float(np.exp(np.log(least) + np.log(0.6 / least) * rng.random() ** 0.5))
    scale = share * stage.short_px / (2 * max(half_width, half_height))
    margin_x, margin_y = half_width * scale, half_height * scale
    x = float(rng.uniform(margin_x, max(margin_x, stage.width_px - margin_x)))
    y = float(rng.uniform(margin_y, max(margin_y, stage.height_px - margin_y)))
    return Spot(x, y, scale)


def palette(rng: np.random.Generator, n: int) -> tuple[Colour, ...]:
    """Draw n colours of a common contrast, from nearly equal to arbitrary."""
    base = rng.uniform(0, 255, 3)
    contrast = rng.uniform(0.35, 1.0)
    return tuple(colour(base + contrast * (rng.uniform(0, 255, 3) - base)) for _ in range(n))


def colour(value: Floats | Sequence[float]) -> Colour:
    """Clip a colour to 0..255."""
    r, g, b = (int(min(max(part, 0), 255)) for part in value)
    return r, g, b


def shade(base: Colour, factor: float) -> Colour:
    """Darken (factor below 1) or lighten a colour."""
    return colour([part * factor for part in base])


def blend(first: Colour, second: Colour, share: float) -> Colour:
    """Mix a share of the second colour into the first."""
    return colour([a + share * (b - a) for a, b in zip(first, second, strict=True)])


@dataclass(frozen=True, slots=True, eq=False)
class Pen:
    """Draws in the units of a thing, sub-pixel: x to the right (or left if flipped), y down."""

    canvas: Canvas
    x: float
    y: float
    scale: float
    angle: float = 0.0
    flip: float = 1.0

    def to(self, x: float, y: float, turn: float = 0.0, zoom: float = 1.0) -> "Pen":
        """Pen with its origin at a point, turned clockwise by radians."""
        (at,) = self.pixels(np.array([[x, y]]))
        return replace(
            self, x=at[0], y=at[1], scale=self.scale * zoom, angle=self.angle + self.flip * turn
        )

    def pixels(self, points: Floats) -> Floats:
        """Convert (N, 2) points of the thing to pixels."""
        sine, cosine = np.sin(self.angle), np.cos(self.angle)
        x, y = points[:, 0] * self.scale * self.flip, points[:, 1] * self.scale
        turned = np.empty((len(points), 2))
        turned[:, 0] = self.x + cosine * x - sine * y
        turned[:, 1] = self.y + sine * x + cosine * y
        return turned

    def polygon(self, points: Floats, fill: Colour) -> None:
        cv2.fillPoly(self.canvas, [self._fixed(points)], fill, cv2.LINE_AA, _FIXED_POINT_BITS)

    def line(self, points: Floats, stroke: Colour, width: float) -> None:
        thickness = max(1, round(width * self.scale))
        fixed = [self._fixed(points)]
        cv2.polylines(self.canvas, fixed, False, stroke, thickness, cv2.LINE_AA, _FIXED_POINT_BITS)

    def ellipse(
        self, x: float, y: float, rx: float, ry: float, fill: Colour, width: float = 0.0
    ) -> None:
        """Fill an ellipse, or draw its outline if a width is given."""
        outline = _CIRCLE * (rx, ry) + (x, y)
        if width:
            self.line(np.concatenate([outline, outline[:1]]), fill, width)
        else:
            self.polygon(outline, fill)

    def box(self, x: float, y: float, half_width: float, half_height: float, fill: Colour) -> None:
        self.polygon(_SQUARE * (half_width, half_height) + (x, y), fill)

    def _fixed(self, points: Floats) -> NDArray[np.int32]:
        fixed: NDArray[np.int32] = np.rint(self.pixels(points) * 2**_FIXED_POINT_BITS).astype("i4")
        return fixed


def glow(canvas: Canvas, x: float, y: float, radius_px: float, light: Colour, level: float) -> None:
    """Add a round light of a level of 0 to 1."""
    height, width = canvas.shape[:2]
    left, right = max(0, int(x - radius_px)), min(width, int(x + radius_px) + 2)
    top, bottom = max(0, int(y - radius_px)), min(height, int(y + radius_px) + 2)
    if left >= right or top >= bottom or level <= 0.01:
        return
    zoom = 32 / max(radius_px, 1.0)
    from_px = np.array([[zoom, 0, 32 + zoom * (left - x)], [0, zoom, 32 + zoom * (top - y)]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    patch = cv2.warpAffine(_GLOW, from_px, (right - left, bottom - top), flags=flags)
    lit = cv2.merge([patch * (level * part) for part in light])
    part = canvas[top:bottom, left:right]
    part[:] = cv2.add(part, lit, dtype=cv2.CV_8U)
