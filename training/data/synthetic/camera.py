"""The camera: framing, movement, cuts, light, lens and sensor, applied to finished canvases."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from training.data.synthetic.chance import log_uniform
from training.data.synthetic.performance import Canvas, Stage

Track = NDArray[np.float64]
"""(T, 2) positions x, y in pixels."""

_NOISE_PADDING_PX = 64

_FOCUS_REACH = 0.88
"""Limit of the action's distance from the centre of the frame, as a share of half its side."""

_MOVES = ("static", "pan", "shake", "zoom")

_Shot = Callable[[float], tuple[float, NDArray[np.float64], float]]
"""Enlargement, shift of the centre (x, y) in canvas pixels, and roll (rad), over time."""


@dataclass(frozen=True, slots=True)
class CameraStyle:
    """Style of the camera work.

    Attributes:
        move: "static", "pan", "shake" (hand-held) or "zoom" (slow).
        n_cuts: Number of cuts to another framing of the same scene.
        most_zoom: Largest enlargement of a framing; 1 shows the whole canvas.
        sub_frames: Instants averaged per frame.
        exposure: Exposure time as a share of the frame duration, 0..1.
        gamma: Exponent of the tone curve.
        vignetting: Loss of light in the corners, 0..1.
        flicker: Amplitude of the light's flicker, relative.
        drift: Amplitude of the slow drift of the exposure, relative.
        noise: Standard deviation of the sensor's noise, in grey levels.
        is_grey: True for grey video.
    """

    move: str
    n_cuts: int
    most_zoom: float
    sub_frames: int
    exposure: float
    gamma: float
    vignetting: float
    flicker: float
    drift: float
    noise: float
    is_grey: bool


def draw_camera(rng: np.random.Generator) -> CameraStyle:
    """Draw a style; about half of the clips are static, one in six has cuts."""
    return CameraStyle(
        move=str(rng.choice(_MOVES, p=(0.5, 0.14, 0.26, 0.1))),
        n_cuts=int(rng.integers(1, 5)) if rng.random() < 0.17 else 0,
        most_zoom=float(rng.uniform(1.08, 1.5)),
        sub_frames=int(rng.choice((1, 2, 3, 4), p=(0.55, 0.33, 0.08, 0.04))),
        exposure=float(rng.uniform(0.15, 0.95)),
        gamma=float(np.exp(rng.normal(0, 0.2))),
        vignetting=float(rng.choice((0.0, rng.uniform(0.1, 0.6)))),
        flicker=float(rng.uniform(0.003, 0.04)) if rng.random() < 0.2 else 0.0,
        drift=float(rng.uniform(0.03, 0.25)) if rng.random() < 0.2 else 0.0,
        noise=float(rng.choice((0.0, rng.uniform(0.5, 3), rng.uniform(3, 9)), p=(0.25, 0.6, 0.15))),
        is_grey=bool(rng.random() < 0.12),
    )


class Camera:
    """Camera of one clip; `film` converts a painted canvas to an I420 frame of the same size."""

    def __init__(
        self,
        rng: np.random.Generator,
        stage: Stage,
        style: CameraStyle,
        focus_px: tuple[float, float],
    ) -> None:
        """Plan all camera movement.

        Args:
            rng: Source of all randomness.
            stage: The canvas; its sides are even.
            style: Style of the camera work.
            focus_px: Position of the action on the canvas (x, y); stays in the frame.
        """
        self._stage, self._style = stage, style
        self._focus = np.clip(focus_px, 0, (stage.width_px, stage.height_px))
        cuts = np.sort(rng.uniform(0.1, 0.9, style.n_cuts)) * stage.duration_s
        self._cuts = cuts
        self._shots = [_plan_shot(rng, stage, style, shot > 0) for shot in range(style.n_cuts + 1)]
        self._is_moving = style.move != "static" or style.n_cuts > 0
        self._light = _plan_light(rng, style)
        levels = np.linspace(0, 1, 256, dtype=np.float32) ** np.float32(style.gamma)
        self._curve = 16 + 219 * np.clip((levels * 255 - 16) / 219, 0, 1)
        self._is_toned = abs(style.gamma - 1) > 0.02 or bool(style.flicker) or bool(style.drift)
        self._mask = _vignette(stage, style.vignetting)
        self._rng = rng
        self._noise = _noise_tile(rng, stage, style.noise)

    def frame_at(self, time_s: float) -> NDArray[np.float64]:
        """Affine (2, 3) map from frame to canvas, in pixels."""
        zoom, shift, turn = self._shots[int(np.searchsorted(self._cuts, time_s, "right"))](time_s)
        size = np.array((self._stage.width_px, self._stage.height_px), np.float64)
        middle = (size - 1) / 2
        # Enlarging about the focus keeps the focus in place and the frame inside the canvas.
        centre = self._focus + (middle - self._focus) / zoom + shift
        half = size / (2 * zoom)
        centre = np.clip(
            centre, self._focus - _FOCUS_REACH * half, self._focus + _FOCUS_REACH * half
        )
        centre = np.clip(centre, half - 0.5, size - half - 0.5)
        cosine, sine = math.cos(turn) / zoom, math.sin(turn) / zoom
        turned = np.array([[cosine, -sine], [sine, cosine]])
        return np.concatenate([turned, (centre - turned @ middle)[:, None]], axis=1)

    def focus_track(self, n_points: int = 100) -> Track:
        """Positions of the focus in the frame, at `n_points` times over the clip."""
        times = np.linspace(0, self._stage.duration_s, n_points, endpoint=False)
        found = []
        for time_s in times:
            frame = self.frame_at(float(time_s))
            found.append(np.linalg.solve(frame[:, :2], self._focus - frame[:, 2]))
        return np.array(found)

    def film(self, canvas: Canvas, time_s: float) -> NDArray[np.uint8]:
        """Film a canvas at a time as an (H * 3 / 2, W) I420 frame."""
        height, width = canvas.shape[:2]
        if self._is_moving:
            canvas = np.asarray(
                cv2.warpAffine(
                    canvas,
                    self.frame_at(time_s),
                    (width, height),
                    flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                    borderMode=cv2.BORDER_REFLECT_101,
                ),
                np.uint8,
            )
        image = np.asarray(cv2.cvtColor(canvas, cv2.COLOR_RGB2YUV_I420), np.uint8)
        luma = image[:height]
        if self._is_toned:
            curve = np.clip(self._curve * self._light(time_s), 0, 255).astype(np.uint8)
            cv2.LUT(luma, curve, dst=luma)
        if self._mask is not None:
            cv2.multiply(luma, self._mask, dst=luma, scale=1 / 255)
        if self._noise is not None:
            self._add_noise(luma, self._noise)
        if self._style.is_grey:
            image[height:] = 128
        return image

    def _add_noise(self, luma: NDArray[np.uint8], tile: NDArray[np.uint8]) -> None:
        """Add and subtract pieces of one noise tile: new noise per frame would cost more."""
        height, width = luma.shape
        for apply in (cv2.add, cv2.subtract):
            top, left = self._rng.integers(0, _NOISE_PADDING_PX, 2)
            apply(luma, tile[top : top + height, left : left + width], dst=luma)


def _plan_shot(rng: np.random.Generator, stage: Stage, style: CameraStyle, is_cut: bool) -> _Shot:
    is_wide = style.move == "static" and not is_cut
    closest = style.most_zoom * (1.4 if is_cut else 1.0)
    zoom = 1.0 if is_wide else float(rng.uniform(1.05, closest))
    reach = 0.2 * stage.short_px
    base = rng.uniform(-0.5, 0.5, 2) * reach if is_cut else np.zeros(2)
    phases = rng.uniform(0, 2 * np.pi, (3, 6))
    rates_hz = np.exp(rng.uniform(np.log(0.3), np.log(9), (3, 6)))
    strength = log_uniform(rng, 0.4, 3.5) * stage.short_px / 256
    amplitudes = strength * rng.uniform(0.2, 1, (3, 6)) / np.sqrt(rates_hz)
    sweep = reach * rng.normal(0, 1, 2) * (1, 0.3)
    sweep_hz = float(rng.uniform(0.03, 0.25))
    zoom_end = float(rng.uniform(1.05, style.most_zoom))

    def static(time_s: float) -> tuple[float, NDArray[np.float64], float]:
        return zoom, base, 0.0

    def pan(time_s: float) -> tuple[float, NDArray[np.float64], float]:
        swing = math.sin(2 * math.pi * sweep_hz * time_s + phases[0, 0])
        return zoom, base + sweep * swing, 0.0

    def shake(time_s: float) -> tuple[float, NDArray[np.float64], float]:
        waves = np.sin(2 * np.pi * rates_hz * time_s + phases)
        x, y, turn = (amplitudes * waves).sum(axis=1)
        return zoom, base + np.array((x, y)), turn * 0.6 / stage.short_px

    def slow_zoom(time_s: float) -> tuple[float, NDArray[np.float64], float]:
        share = min(max(time_s / stage.duration_s, 0.0), 1.0)
        return zoom + (zoom_end - zoom) * share, base, 0.0

    return {"static": static, "pan": pan, "shake": shake, "zoom": slow_zoom}[style.move]


def _plan_light(rng: np.random.Generator, style: CameraStyle) -> Callable[[float], float]:
    flicker_hz = float(rng.uniform(0.5, 12))
    drift_hz = float(rng.uniform(0.05, 0.4))
    phase = float(rng.uniform(0, 2 * np.pi))

    def light(time_s: float) -> float:
        flicker = style.flicker * math.sin(2 * math.pi * flicker_hz * time_s + phase)
        return 1 + flicker + style.drift * math.sin(2 * math.pi * drift_hz * time_s + 2 * phase)

    return light


def _vignette(stage: Stage, strength: float) -> NDArray[np.uint8] | None:
    if not strength:
        return None
    rows = np.linspace(-1, 1, stage.height_px)[:, None]
    columns = np.linspace(-1, 1, stage.width_px)[None]
    return (255 * (1 - strength * (rows**2 + columns**2) / 2)).astype(np.uint8)


def _noise_tile(rng: np.random.Generator, stage: Stage, sigma: float) -> NDArray[np.uint8] | None:
    if not sigma:
        return None
    shape = (stage.height_px + _NOISE_PADDING_PX, stage.width_px + _NOISE_PADDING_PX)
    # The difference of two uniform values in this range has the requested standard deviation.
    grain = rng.integers(0, max(round(sigma * math.sqrt(6)), 1) + 1, shape)
    return np.asarray(grain, np.uint8)
