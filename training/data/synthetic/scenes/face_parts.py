"""Drawing of heads: composed once as a shaded texture, then warped, with moving parts on top.

Units within the texture are heights of its square; the head fills about three quarters of the
square. Images of parts are (S, S, 4) uint8, RGB premultiplied by alpha.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from training.data.synthetic.performance import Canvas

_SHIFT = 6
_LEAST_TEXTURE_PX = 72

_Image = NDArray[np.uint8]
"""(S, S, 4) uint8: RGB premultiplied by alpha, and alpha."""

_Colour = tuple[float, float, float]

_EYES_Y, _NOSE_Y, _MOUTH_Y, _CHIN_Y = 0.46, 0.60, 0.69, 0.84


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
    skin: _Colour
    hair: _Colour
    lips: _Colour
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


def _compose(
    look: Look, side: int, centre_x: float, narrow: float, rng: np.random.Generator
) -> _Image:
    """Compose a head without eyes, brows and mouth, as an image of `side` px.

    `centre_x` is the middle of the face, `narrow` the factor of the width of the turned face.
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
    shade = 0.35 * (spot(-eye, _EYES_Y, 0.07, 0.04) + spot(eye, _EYES_Y, 0.07, 0.04))
    shade += 0.4 * spot(0.0, _NOSE_Y + 0.012, 0.045, 0.012)
    shade += 0.25 * spot(lean * 1.5, 0.54, 0.015, 0.07) - 0.2 * spot(-lean, 0.54, 0.012, 0.07)
    shade += 0.22 * spot(0.0, 0.755, 0.07, 0.012) - 0.1 * spot(0.0, 0.8, 0.06, 0.03)
    for sign in (-1, 1):
        bend = sign * (0.075 + 0.35 * (y - _NOSE_Y))
        fold = np.exp(-(((away - bend) / 0.012) ** 2)) * ((y > 0.58) & (y < 0.71))
        shade += 0.2 * fold - 0.08 * spot(sign * 0.13, 0.57, 0.06, 0.05)
    colour *= (1 - look.contrast * np.clip(shade, -0.4, 0.8))[..., None]


@dataclass(frozen=True, slots=True)
class Expression:
    """Moving parts at one time, as in `Motion`."""

    jaw: float
    lips: float
    width: float
    teeth: float
    tongue: float
    smile: float
    blink: float
    brows: float


class Head:
    """A head, drawn with any expression and pose.

    Args:
        look: Look of the head.
        rng: Source of the texture of skin and hair.
    """

    def __init__(self, look: Look, rng: np.random.Generator) -> None:
        self._look = look
        # Small heads are drawn larger and reduced; otherwise their mouths jump from pixel to pixel.
        self._reduction = max(int(np.ceil(_LEAST_TEXTURE_PX / look.size_px)), 1)
        self._side = round(look.size_px * self._reduction / 4) * 4
        self._centre_x = 0.5 + 0.62 * look.half_width * float(np.sin(look.yaw))
        self._narrow = max(float(np.cos(look.yaw)), 0.3)
        self._texture = _compose(look, self._side, self._centre_x, self._narrow, rng)
        self._top_row = int(_NOSE_Y * self._side)
        below = self._side - self._top_row
        x = np.arange(self._side, dtype=np.float32)[None] / self._side
        y = (np.arange(below, dtype=np.float32)[:, None] + self._top_row) / self._side
        down = np.clip((y - _NOSE_Y) / (_CHIN_Y - _NOSE_Y), 0, 1) ** 1.3
        middle = np.exp(-(((x - self._centre_x) / (0.85 * look.half_width)) ** 2))
        self._x0 = np.repeat(x, below, 0) * self._side
        self._y0 = np.repeat(y, self._side, 1) * self._side - self._top_row
        self._drop = (-0.075 * self._side * down * middle).astype(np.float32)
        near = np.exp(-(((y - _MOUTH_Y) / 0.09) ** 2) - ((x - self._centre_x) / 0.14) ** 2)
        self._spread = (-0.25 * self._side * near * (x - self._centre_x)).astype(np.float32)

    @property
    def mouth_px(self) -> tuple[float, float]:
        """Position of the mouth from the middle of the texture, in pixels of the canvas."""
        side = self._look.size_px
        return (self._centre_x - 0.5) * side, (_MOUTH_Y - 0.5) * side

    def draw(
        self, canvas: Canvas, centre_px: tuple[float, float], roll: float, state: Expression
    ) -> None:
        """Draw the head with the middle of its texture at a point of the canvas."""
        image = self._texture.copy()
        widen = 0.4 * state.width + 0.5 * state.smile - 0.35 * state.jaw
        map_y = cv2.scaleAdd(self._drop, state.jaw, self._y0)
        map_x = cv2.scaleAdd(self._spread, widen, self._x0)
        lower = cv2.remap(
            self._texture[self._top_row :], map_x, map_y, cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip
        image[self._top_row :] = lower
        self._draw_mouth(image, state)
        self._draw_eyes(image, state)
        place(canvas, image, centre_px, roll, self._reduction)

    def _points(self, xy: NDArray[np.float64]) -> NDArray[np.int32]:
        """Convert face coordinates (right of the middle, down) to fixed-point texture pixels."""
        x = self._centre_x + xy[:, 0] * self._narrow
        scaled = np.stack([x, xy[:, 1]], axis=1) * (self._side * 2**_SHIFT)
        return np.asarray(np.round(scaled), np.int32)

    def _fill(self, image: _Image, xy: NDArray[np.float64], colour: _Colour) -> None:
        cv2.fillPoly(image, [self._points(xy)], (*colour, 255.0), cv2.LINE_AA, _SHIFT)

    def _draw_mouth(self, image: _Image, state: Expression) -> None:
        look = self._look
        half = look.mouth_width * (1 + 0.22 * state.width + 0.15 * state.smile - 0.1 * state.lips)
        across = np.linspace(-1, 1, 13)
        arch = 1 - across**2
        corner = _MOUTH_Y + 0.03 * state.jaw - 0.02 * state.smile * across**2
        thick = look.lip_height * (1 - 0.25 * max(state.width, 0.0) + 0.25 * max(-state.width, 0.0))
        pressed = 1 - 0.35 * float(np.clip(0.15 - state.lips, 0, 0.15)) / 0.15
        upper_in = corner - 0.012 * state.lips * arch
        lower_in = corner + 0.075 * state.lips * arch**0.65
        bow = 1 - 0.3 * np.exp(-((across / 0.18) ** 2))
        upper_out = upper_in - thick * pressed * bow * arch**0.6
        lower_out = lower_in + 1.25 * thick * pressed * arch**0.7
        x = half * across
        lips = _closed(x, upper_out, lower_out)
        light = 1 + 0.1 * look.contrast
        self._fill(image, lips, _scaled(look.lips, light))
        self._fill(image, _closed(x, upper_out, 0.5 * (upper_in + lower_in)),
                   _scaled(look.lips, 0.88))  # fmt: skip
        dark = _scaled(look.lips, 0.62 - 0.5 * look.gloom)
        if state.lips > 0.02:
            self._fill(image, _closed(x, upper_in, lower_in), dark)
            gap = lower_in - upper_in
            if state.teeth > 0.1:
                visible = np.minimum(gap, 0.028 * state.teeth * arch**0.3)
                teeth = _scaled((226, 220, 205), 0.55 + 0.4 * look.contrast)
                self._fill(image, _closed(0.82 * x, upper_in, upper_in + visible), teeth)
            if state.tongue > 0.15:
                raised = gap * min(state.tongue, 1.0) * 0.7
                tongue = _scaled((190, 95, 95), 0.9)
                self._fill(image, _closed(0.65 * x, lower_in - raised, lower_in), tongue)
        else:
            line = self._points(np.stack([x, corner], axis=1))
            width = max(round(self._side * 0.008), 1)
            cv2.polylines(image, [line], False, (*dark, 255.0), width, cv2.LINE_AA, _SHIFT)
        self._soften(image)

    def _soften(self, image: _Image) -> None:
        side = self._side
        left = max(int((self._centre_x - 0.15) * side), 0)
        part = image[int(0.63 * side) : int(0.86 * side), left : left + int(0.3 * side)]
        size = max(round(side * 0.012), 1) | 1
        cv2.blur(part, (size, size), part)

    def _draw_eyes(self, image: _Image, state: Expression) -> None:
        look = self._look
        angle = np.linspace(0, 2 * np.pi, 12, endpoint=False)
        for eye_side in (-1, 1):
            if abs(look.yaw) > 0.8 and eye_side * look.yaw > 0:
                continue
            x, y = eye_side * 0.42 * look.half_width, _EYES_Y
            opened = 0.022 * max(1 - state.blink, 0.08) * (1 - 0.25 * state.smile)
            ring = np.stack([x + 0.045 * np.cos(angle), y + opened * np.sin(angle)], axis=1)
            self._fill(image, ring, _scaled((215, 210, 205), 0.75 + 0.2 * look.contrast))
            iris = np.stack([x + 0.018 * np.cos(angle), y + min(opened, 0.018) * np.sin(angle)], 1)
            self._fill(image, iris, _scaled(look.hair, 0.5))
            reach = np.linspace(-1, 1, 6)
            brow_y = y - 0.055 - 0.018 * state.brows - 0.012 * (1 - reach**2)
            brow = self._points(np.stack([x + 0.065 * reach, brow_y], axis=1))
            width = max(round(self._side * 0.014), 1)
            hair = (*_scaled(look.hair, 0.9), 255.0)
            cv2.polylines(image, [brow], False, hair, width, cv2.LINE_AA, _SHIFT)
            if look.glasses != "none":
                self._draw_lens(image, x, y)

    def _draw_lens(self, image: _Image, x: float, y: float) -> None:
        angle = np.linspace(0, 2 * np.pi, 20, endpoint=False)
        power = 0.5 if self._look.glasses == "square" else 1.0
        lens_x = x + 0.075 * np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** power
        lens_y = y + 0.06 * np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** power
        lens = np.stack([lens_x, lens_y], axis=1)
        if self._look.glasses == "dark":
            self._fill(image, lens, (22, 22, 26))
        width = max(round(self._side * 0.01), 1)
        rim = [self._points(lens)]
        cv2.polylines(image, rim, True, (35, 30, 30, 255), width, cv2.LINE_AA, _SHIFT)


def place(
    canvas: Canvas, image: _Image, centre_px: tuple[float, float], roll: float, reduction: int
) -> None:
    """Blend an image into the canvas, centred on a sub-pixel point and turned by `roll`."""
    if reduction > 1:
        size = (image.shape[1] // reduction, image.shape[0] // reduction)
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    height, width = image.shape[:2]
    reach = 0.5 * float(np.hypot(height, width) if abs(roll) > 0.3 else 0)
    reach_x = max(reach, 0.5 * width + abs(roll) * 0.5 * height) + 1
    reach_y = max(reach, 0.5 * height + abs(roll) * 0.5 * width) + 1
    left = max(int(centre_px[0] - reach_x), 0)
    top = max(int(centre_px[1] - reach_y), 0)
    right = min(int(centre_px[0] + reach_x) + 1, canvas.shape[1])
    bottom = min(int(centre_px[1] + reach_y) + 1, canvas.shape[0])
    if right <= left or bottom <= top:
        return
    cosine, sine = float(np.cos(roll)), float(np.sin(roll))
    x, y = centre_px[0] - left, centre_px[1] - top
    middle_x, middle_y = 0.5 * (width - 1), 0.5 * (height - 1)
    matrix = np.array(
        [
            [cosine, -sine, x - cosine * middle_x + sine * middle_y],
            [sine, cosine, y - sine * middle_x - cosine * middle_y],
        ]
    )
    warped = cv2.warpAffine(image, matrix, (right - left, bottom - top), flags=cv2.INTER_LINEAR)
    colour = cv2.cvtColor(warped, cv2.COLOR_RGBA2RGB)
    seen_through = cv2.cvtColor(255 - cv2.extractChannel(warped, 3), cv2.COLOR_GRAY2RGB)
    target = canvas[top:bottom, left:right]
    behind = cv2.multiply(target, seen_through, scale=1 / 255)
    cv2.add(behind, colour, target)


def _closed(
    x: NDArray[np.float64], upper: NDArray[np.float64], lower: NDArray[np.float64]
) -> NDArray[np.float64]:
    return np.stack([np.concatenate([x, x[::-1]]), np.concatenate([upper, lower[::-1]])], axis=1)


def _scaled(colour: _Colour, by: float) -> _Colour:
    red, green, blue = (float(np.clip(c * by, 0, 255)) for c in colour)
    return red, green, blue
