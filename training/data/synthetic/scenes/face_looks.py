"""Looks of heads, and the shaded still image of a head.

Units within the image are heights of its square; the head fills about three quarters of the square.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
"""(S, S, 4) uint8: RGB premultiplied by alpha, and alpha."""

Colour = tuple[float, float, float]

EYES_Y, NOSE_Y, MOUTH_Y, CHIN_Y = 0.46, 0.60, 0.69, 0.84


@dataclass(frozen=True, slots=True)
class Look:
    """Look of a person; lengths in heights of the texture.

    Attributes:
        size_px: Side of the texture on the canvas.
        yaw: Rotation to the right of the image, radians; 0 is frontal, 1.2 nearly a profile.
        skin: Colour of the skin, RGB 0 to 255.
        hair: Colour of hair, brows and beard.
        lips: Colour of the lips; like the skin for low contrast.
        half_width: Half the width of the face.
        mouth_width: Half the width of the mouth at rest.
        lip_height: Thickness of each lip.
        hair_style: bald, short, long, curly, bun, hood.
        beard: none, stubble, full, moustache, goatee.
        glasses: none, round, square, dark.
        hat: none, beanie, cap, turban.
        light: Direction of the light, -1 from the left, 1 from the right.
        contrast: Strength of all shading.
        gloom: Darkness of the open mouth, 0 to 1.
    """

    size_px: float
    yaw: float
    skin: Colour
    hair: Colour
    lips: Colour
    half_width: float
    mouth_width: float
    lip_height: float
    hair_style: str
    beard: str
    glasses: str
    hat: str
    light: float
    contrast: float
    gloom: float


class _Layers:
    """An image under construction: colour (S, S, 3) and alpha (S, S), float32."""

    def __init__(self, side: int, rng: np.random.Generator) -> None:
        self.side = side
        self.colour = np.zeros((side, side, 3), np.float32)
        self.alpha = np.zeros((side, side), np.float32)
        self.y, self.x = (np.mgrid[0:side, 0:side].astype(np.float32) + 0.5) / side
        noise = rng.standard_normal((2, side, side)).astype(np.float32)
        grain = cv2.GaussianBlur(noise[0], (0, 0), 1.2)
        blotches = cv2.GaussianBlur(noise[1], (0, 0), 5)
        self.skin_tone = (1 + 0.06 * grain + 0.25 * blotches)[..., None]
        self.strands = 1 + (0.35 * grain + 0.15 * np.sin(260 * self.x + 5 * self.y))[..., None]

    def add(
        self, inside: NDArray[np.float32], paint: NDArray[np.float32], opacity: float = 1.0
    ) -> None:
        """Cover the inside of a shape (positive values, with a slope of 3 to 4 per height)."""
        cut = np.clip(inside * self.side * 0.3, 0, 1) * opacity
        self.colour += (paint - self.colour) * cut[..., None]
        self.alpha += (1 - self.alpha) * cut


def compose(
    look: Look, side: int, centre_x: float, narrow: float, rng: np.random.Generator
) -> Image:
    """Compose a head without eyes, brows and mouth.

    Args:
        look: Look of the head.
        side: Side of the image in pixels.
        centre_x: Position of the middle of the face.
        narrow: Factor of the width of the turned face.
        rng: Source of the texture of skin and hair.
    """
    layers = _Layers(side, rng)
    x, y = layers.x, layers.y
    turn = 0.03 * float(np.sin(look.yaw))
    # Jaws are narrower than temples.
    taper = 1 - 0.25 * np.clip((y - 0.48) / 0.36, 0, 1) ** 2
    face = 1 - np.hypot((x - 0.5 - turn) / (look.half_width * taper), (y - 0.48) / 0.36)
    back = _hair_outline(look, x + turn, y)
    away = (x - centre_x) / narrow
    hair, skin = np.array(look.hair, np.float32), np.array(look.skin, np.float32)
    if look.hair_style != "bald":
        layers.add(back, hair * layers.strands)
    neck = np.minimum(1 - np.abs(x - 0.5) / (0.62 * look.half_width), 4 * (y - 0.6))
    layers.add(neck, skin * 0.72 * layers.skin_tone)
    layers.add(face, skin * layers.skin_tone)
    _shade_face(layers.colour, look, away, y)
    _add_beard(layers, look, away, face)
    covered = np.array(rng.uniform(20, 230, 3), np.float32) if look.hat != "none" else hair
    if look.hat != "none" or look.hair_style != "bald":
        fringe = 0.36 if look.hat in ("beanie", "turban") else 0.30
        line = fringe + 0.10 * np.abs(away) + 0.02 * np.sin(40 * away)
        layers.add(np.minimum((line - y) * 4, np.maximum(back, face + 0.06)),
                   covered * layers.strands)  # fmt: skip
    if look.hat == "cap":
        along = look.half_width * 1.15 - np.abs(x - 0.5 - 2 * turn)
        layers.add(np.minimum(0.02 - np.abs(y - 0.33), along), covered * 0.6)
    lit = 1 + look.contrast * (0.45 * look.light * (x - 0.5) / 0.3 - 0.3 * (y - 0.5))
    lit *= 1 - 0.35 * look.contrast * np.clip(1 - face / 0.35, 0, 1) ** 2
    colour = np.clip(layers.colour * np.clip(lit, 0.2, 1.7)[..., None], 0, 255)
    rgba = np.dstack([colour * layers.alpha[..., None], layers.alpha * 255])
    return np.asarray(np.round(rgba), np.uint8)


def _hair_outline(
    look: Look, x: NDArray[np.float32], y: NDArray[np.float32]
) -> NDArray[np.float32]:
    reach = {"bald": 0.0, "short": 0.03, "curly": 0.07}.get(look.hair_style, 0.05)
    lowest = 0.75 if look.hair_style in ("long", "hood") else 0.32
    wide = look.half_width + reach
    dome = 1 - np.hypot((x - 0.5) / wide, (y - 0.42) / 0.32)
    curtain = np.minimum(1 - np.abs((x - 0.5) / wide), 3 * np.minimum(lowest - y, y - 0.4))
    outline = np.maximum(dome, curtain)
    if look.hair_style == "bun":
        outline = np.maximum(outline, 1 - np.hypot((x - 0.5) / 0.1, (y - 0.08) / 0.07))
    return np.asarray(outline, np.float32)


def _add_beard(
    layers: _Layers, look: Look, away: NDArray[np.float32], face: NDArray[np.float32]
) -> None:
    if look.beard == "none":
        return
    y = layers.y
    reach = 0.11 if look.beard in ("goatee", "moustache") else 1.0
    lowest = 0.675 if look.beard == "moustache" else 1.0
    area = 4 * np.minimum(np.minimum(y - 0.645, lowest - y), reach - np.abs(away))
    if look.beard == "full":
        area = np.maximum(area, np.minimum((y - 0.5) * 4, (0.3 - face) * 3))
    opacity = 0.35 if look.beard == "stubble" else 0.9
    hair = np.array(look.hair, np.float32) * layers.strands
    layers.add(np.minimum(area, face), hair, opacity)


def _shade_face(
    colour: NDArray[np.float32], look: Look, away: NDArray[np.float32], y: NDArray[np.float32]
) -> None:
    """Darken eye sockets, the side and foot of the nose, folds and the hollow under the lip."""

    def spot(x0: float, y0: float, wide: float, high: float) -> NDArray[np.float32]:
        return np.exp(-(((away - x0) / wide) ** 2) - ((y - y0) / high) ** 2)

    eye = 0.42 * look.half_width
    lean = 0.02 * np.sign(look.yaw if abs(look.yaw) > 0.3 else -look.light)
    shade = 0.35 * (spot(-eye, EYES_Y, 0.07, 0.04) + spot(eye, EYES_Y, 0.07, 0.04))
    shade += 0.4 * spot(0.0, NOSE_Y + 0.012, 0.045, 0.012)
    shade += 0.25 * spot(lean * 1.5, 0.54, 0.015, 0.07) - 0.2 * spot(-lean, 0.54, 0.012, 0.07)
    shade += 0.22 * spot(0.0, 0.755, 0.07, 0.012) - 0.1 * spot(0.0, 0.8, 0.06, 0.03)
    for sign in (-1, 1):
        bend = sign * (0.075 + 0.35 * (y - NOSE_Y))
        fold = np.exp(-(((away - bend) / 0.012) ** 2)) * ((y > 0.58) & (y < 0.71))
        shade += 0.2 * fold - 0.08 * spot(sign * 0.13, 0.57, 0.06, 0.05)
    colour *= (1 - look.contrast * np.clip(shade, -0.4, 0.8))[..., None]
