"""Backgrounds: textures of rooms, foliage and the like, painted once per clip."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from training.data.synthetic.performance import Canvas, Painter, Stage

_MARGIN = 0.12
"""Margin of the texture beyond the canvas on each side, as a share of the short side."""

Image = NDArray[np.uint8]
"""(H, W, 3) RGB."""


@dataclass(frozen=True, slots=True)
class BackdropStyle:
    """Style of a background.

    Attributes:
        kind: One of the textures of this module.
        drift_px_s: Velocity (x, y) against the scene, as of a distant background; mostly 0.
        brightness: Mean grey level, 0..255.
        contrast: Factor around the mean.
        blur_px: Standard deviation of the defocus; 0 is sharp.
        colourfulness: Factor of the saturation; 0 is grey.
    """

    kind: str
    drift_px_s: tuple[float, float]
    brightness: float
    contrast: float
    blur_px: float
    colourfulness: float


def draw_backdrop(rng: np.random.Generator) -> BackdropStyle:
    """Draw a background; one in four is dark, one in five moves on its own."""
    drift = (0.0, 0.0)
    if rng.random() < 0.2:
        drift = (float(rng.normal(0, 12)), float(rng.normal(0, 4)))
    is_dark = rng.random() < 0.25
    return BackdropStyle(
        kind=str(rng.choice(sorted(_TEXTURES))),
        drift_px_s=drift,
        brightness=float(rng.uniform(12, 50) if is_dark else rng.uniform(50, 205)),
        contrast=float(rng.uniform(0.25, 1.1)),
        blur_px=float(rng.choice([0.0, 0.0, 0.8, 2.0, 5.0])),
        colourfulness=float(rng.uniform(0, 1.2)),
    )


def backdrop_painter(rng: np.random.Generator, stage: Stage, style: BackdropStyle) -> Painter:
    """Paint the background once; the painter copies it to the canvas, with drift over time."""
    margin = round(_MARGIN * stage.short_px)
    height, width = stage.height_px + 2 * margin, stage.width_px + 2 * margin
    image = _graded(_TEXTURES[style.kind](rng, height, width), style)
    here = np.ascontiguousarray(
        image[margin : margin + stage.height_px, margin : margin + stage.width_px]
    )

    def paint_still(canvas: Canvas, time_s: float) -> None:
        np.copyto(canvas, here)

    def paint_drifting(canvas: Canvas, time_s: float) -> None:
        # Back and forth, since the margin is finite; a triangle keeps the speed.
        x, y = (margin * (_triangle(speed * time_s / margin) + 1) for speed in style.drift_px_s)
        shift = np.array([[1, 0, x], [0, 1, y]], np.float32)
        cv2.warpAffine(
            image,
            shift,
            (stage.width_px, stage.height_px),
            dst=canvas,
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REFLECT_101,
        )

    return paint_still if style.drift_px_s == (0.0, 0.0) else paint_drifting


def _triangle(x: float) -> float:
    """Triangle wave between -1 and 1 of slope ±1, 0 at x = 0."""
    return abs((x - 1) % 4 - 2) - 1


def _graded(texture: Image, style: BackdropStyle) -> Image:
    image = texture.astype(np.float32)
    if style.blur_px:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), style.blur_px), np.float32)
    grey = image.mean(axis=2, keepdims=True)
    image = grey + style.colourfulness * (image - grey)
    image = style.brightness + style.contrast * (image - image.mean())
    return np.asarray(np.clip(image, 0, 255), np.uint8)


def _colour(rng: np.random.Generator) -> tuple[float, float, float]:
    """Draw an ordinary colour: a grey level with a tint, rarely a strong one."""
    tint = rng.uniform(5, 70) * rng.standard_normal(3)
    red, green, blue = np.clip(rng.uniform(20, 235) + tint, 0, 255)
    return float(red), float(green), float(blue)


def _field(rng: np.random.Generator, height: int, width: int, cells: float) -> NDArray[np.float32]:
    """Smooth noise, about 0 ± 1, with the given number of cells along the short side."""
    step = min(height, width) / cells
    coarse = rng.standard_normal(
        (max(round(height / step), 1) + 1, max(round(width / step), 1) + 1), np.float32
    )
    return np.asarray(
        cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.float32
    )


def _fractal(rng: np.random.Generator, height: int, width: int) -> NDArray[np.float32]:
    """Noise of several scales with the spectrum of photographs, within 0..1."""
    roughness = rng.uniform(0.4, 0.8)
    octaves = (1.5, 3, 6, 12, 24, 48, 96)
    total = np.zeros((height, width), np.float32)
    for octave, cells in enumerate(octaves):
        total += np.float32(roughness**octave) * _field(rng, height, width, cells)
    low, high = float(total.min()), float(total.max())
    return (total - low) / np.float32(high - low)


def _blend(share: NDArray[np.float32], one: tuple[float, ...], other: tuple[float, ...]) -> Image:
    """Mix two colours by a share of 0..1 per pixel."""
    ramp = share[..., None]
    mixed = ramp * np.array(other, np.float32) + (1 - ramp) * np.array(one, np.float32)
    return np.asarray(np.clip(mixed, 0, 255), np.uint8)


def _clouds(rng: np.random.Generator, height: int, width: int) -> Image:
    return _blend(_fractal(rng, height, width), _colour(rng), _colour(rng))


def _gradient(rng: np.random.Generator, height: int, width: int) -> Image:
    angle = rng.uniform(0, 2 * np.pi)
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    ramp = columns * np.float32(np.cos(angle)) + rows * np.float32(np.sin(angle))
    ramp = (ramp - ramp.min()) / np.float32(np.ptp(ramp))
    grain = 0.04 * rng.standard_normal((height, width), np.float32)
    return _blend((ramp + grain).astype(np.float32), _colour(rng), _colour(rng))


def _bricks(rng: np.random.Generator, height: int, width: int) -> Image:
    brick_h = int(min(height, width) * rng.uniform(0.04, 0.14))
    brick_w = int(brick_h * rng.uniform(1.0, 3.0))
    mortar, base = _colour(rng), np.array(_colour(rng))
    image: Image = np.full((height, width, 3), mortar, np.uint8)
    is_shifted = rng.random() < 0.7
    for row, top in enumerate(range(0, height, brick_h)):
        for left in range(-brick_w * (row % 2) // 2 if is_shifted else 0, width, brick_w):
            tone = np.clip(base * rng.uniform(0.75, 1.2), 0, 255).tolist()
            cv2.rectangle(
                image, (left + 1, top + 1), (left + brick_w - 2, top + brick_h - 2), tone, -1
            )
    shade = 0.6 + 0.6 * _fractal(rng, height, width)[..., None]
    return np.asarray(np.clip(image * shade, 0, 255), np.uint8)


def _stripes(rng: np.random.Generator, height: int, width: int) -> Image:
    period = min(height, width) * rng.uniform(0.03, 0.3)
    angle = rng.choice([0.0, np.pi / 2, rng.uniform(0, np.pi)])
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    phase = (columns * np.cos(angle) + rows * np.sin(angle)) * (2 * np.pi / period)
    wave = np.clip(0.5 + rng.uniform(0.5, 4) * np.sin(phase), 0, 1).astype(np.float32)
    wave += 0.15 * _field(rng, height, width, 5)
    return _blend(wave, _colour(rng), _colour(rng))


def _bokeh(rng: np.random.Generator, height: int, width: int) -> Image:
    image = _gradient(rng, height, width) // 3
    short = min(height, width)
    for _ in range(int(rng.integers(10, 45))):
        layer = image.copy()
        centre = (int(rng.integers(width)), int(rng.integers(height)))
        cv2.circle(
            layer, centre, int(short * rng.uniform(0.02, 0.1)), _colour(rng), -1, cv2.LINE_AA
        )
        share = float(rng.uniform(0.2, 0.8))
        image = cv2.addWeighted(layer, share, image, 1 - share, 0).astype(np.uint8)
    return image


def _room(rng: np.random.Generator, height: int, width: int) -> Image:
    """Paint a wall with frames and a shelf, and a floor in front of it."""
    image = _gradient(rng, height, width)
    floor = int(height * rng.uniform(0.55, 0.9))
    image[floor:] = _blend(_fractal(rng, height, width)[floor:], _colour(rng), _colour(rng))
    for _ in range(int(rng.integers(2, 9))):
        w, h = (int(s * rng.uniform(0.05, 0.35)) for s in (width, height))
        x, y = int(rng.integers(width)), int(rng.integers(-h // 2, floor))
        cv2.rectangle(image, (x, y), (x + w, y + h), _colour(rng), -1)
        cv2.rectangle(image, (x, y), (x + w, y + h), _colour(rng), int(rng.integers(1, 5)))
    grain = 6 * _field(rng, height, width, 120)[..., None]
    return np.asarray(np.clip(image + grain, 0, 255), np.uint8)


def _grass(rng: np.random.Generator, height: int, width: int) -> Image:
    image = _clouds(rng, height, width)
    base = np.array(_colour(rng))
    blade = min(height, width) * rng.uniform(0.02, 0.12)
    n_blades = 900
    roots = rng.uniform((0, 0), (width, height * 1.1), (n_blades, 2))
    tips = roots + rng.normal((0, -blade), (blade * 0.4, blade * 0.3), (n_blades, 2))
    tones = np.clip(base * rng.uniform(0.5, 1.4, (n_blades, 1)), 0, 255)
    for root, tip, tone in zip(roots.astype(int), tips.astype(int), tones, strict=True):
        cv2.line(image, tuple(root), tuple(tip), tuple(tone), 1, cv2.LINE_AA)
    return image


def _clutter(rng: np.random.Generator, height: int, width: int) -> Image:
    """Paint overlapping ellipses and polygons of all sizes."""
    image = _clouds(rng, height, width)
    short = min(height, width)
    for _ in range(int(rng.integers(15, 70))):
        x, y = int(rng.integers(width)), int(rng.integers(height))
        size = short * float(rng.uniform(0.03, 0.3))
        if rng.random() < 0.5:
            axes = (int(size * rng.uniform(0.3, 1)), int(size))
            cv2.ellipse(
                image,
                (x, y),
                axes,
                float(rng.uniform(0, 180)),
                0,
                360,
                _colour(rng),
                -1,
                cv2.LINE_AA,
            )
        else:
            corners = np.array((x, y)) + rng.normal(0, size / 2, (int(rng.integers(3, 7)), 2))
            cv2.fillConvexPoly(
                image, cv2.convexHull(corners.astype(np.int32)), _colour(rng), cv2.LINE_AA
            )
    return image


_TEXTURES: dict[str, Callable[[np.random.Generator, int, int], Image]] = {
    "clouds": _clouds,
    "gradient": _gradient,
    "bricks": _bricks,
    "stripes": _stripes,
    "bokeh": _bokeh,
    "room": _room,
    "grass": _grass,
    "clutter": _clutter,
}
