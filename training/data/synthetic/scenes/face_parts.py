"""Drawing of heads: composed once as a shaded texture, then warped, with moving parts on top.

Units within the texture are heights of its square; the head fills about three quarters of the
square. Images of parts are (S, S, 4) uint8, RGB premultiplied by alpha.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from training.data.synthetic.performance import Canvas
from training.data.synthetic.scenes.face_looks import (
    CHIN_Y,
    EYES_Y,
    MOUTH_Y,
    NOSE_Y,
    Colour,
    Image,
    Look,
    compose,
)

_SHIFT = 6
_LEAST_TEXTURE_PX = 72


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
        self._texture = compose(look, self._side, self._centre_x, self._narrow, rng)
        self._top_row = int(NOSE_Y * self._side)
        below = self._side - self._top_row
        x = np.arange(self._side, dtype=np.float32)[None] / self._side
        y = (np.arange(below, dtype=np.float32)[:, None] + self._top_row) / self._side
        down = np.clip((y - NOSE_Y) / (CHIN_Y - NOSE_Y), 0, 1) ** 1.3
        middle = np.exp(-(((x - self._centre_x) / (0.85 * look.half_width)) ** 2))
        self._x0 = np.repeat(x, below, 0) * self._side
        self._y0 = np.repeat(y, self._side, 1) * self._side - self._top_row
        self._drop = (-0.075 * self._side * down * middle).astype(np.float32)
        near = np.exp(-(((y - MOUTH_Y) / 0.09) ** 2) - ((x - self._centre_x) / 0.14) ** 2)
        self._spread = (-0.25 * self._side * near * (x - self._centre_x)).astype(np.float32)

    @property
    def mouth_px(self) -> tuple[float, float]:
        """Position of the mouth from the middle of the texture, in pixels of the canvas."""
        side = self._look.size_px
        return (self._centre_x - 0.5) * side, (MOUTH_Y - 0.5) * side

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

    def _fill(self, image: Image, xy: NDArray[np.float64], colour: Colour) -> None:
        cv2.fillPoly(image, [self._points(xy)], (*colour, 255.0), cv2.LINE_AA, _SHIFT)

    def _draw_mouth(self, image: Image, state: Expression) -> None:
        look = self._look
        half = look.mouth_width * (1 + 0.22 * state.width + 0.15 * state.smile - 0.1 * state.lips)
        across = np.linspace(-1, 1, 13)
        arch = 1 - across**2
        corner = MOUTH_Y + 0.03 * state.jaw - 0.02 * state.smile * across**2
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

    def _soften(self, image: Image) -> None:
        side = self._side
        left = max(int((self._centre_x - 0.15) * side), 0)
        part = image[int(0.63 * side) : int(0.86 * side), left : left + int(0.3 * side)]
        size = max(round(side * 0.012), 1) | 1
        cv2.blur(part, (size, size), part)

    def _draw_eyes(self, image: Image, state: Expression) -> None:
        look = self._look
        angle = np.linspace(0, 2 * np.pi, 12, endpoint=False)
        for eye_side in (-1, 1):
            if abs(look.yaw) > 0.8 and eye_side * look.yaw > 0:
                continue
            x, y = eye_side * 0.42 * look.half_width, EYES_Y
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

    def _draw_lens(self, image: Image, x: float, y: float) -> None:
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
    canvas: Canvas, image: Image, centre_px: tuple[float, float], roll: float, reduction: int
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


def _scaled(colour: Colour, by: float) -> Colour:
    red, green, blue = (float(np.clip(c * by, 0, 255)) for c in colour)
    return red, green, blue
