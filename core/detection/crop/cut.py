"""Cutting of squares out of analysis frames."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from core.detection.crop_plan import CropPlan, Square, centre_square
from core.model.synchformer.dimensions import FRAME_SIDE_PX
from core.model.synchformer.inputs import centre_crop


def cut_squares(frames: NDArray[np.uint8], first_frame: int, plan: CropPlan) -> NDArray[np.uint8]:
    """Cut the square of the plan out of each frame.

    Args:
        frames: (T, H, W, 3) uint8 RGB.
        first_frame: Number of the first analysis frame.
        plan: Squares inside the frames.

    Returns:
        (T, 224, 224, 3) uint8 RGB; squares of another side are scaled.
    """
    if not plan.shots:
        return centre_crop(frames)
    squares = [plan.square_at(first_frame + index) for index in range(len(frames))]
    return np.stack([_cut(frame, square) for frame, square in zip(frames, squares, strict=True)])


def _cut(frame: NDArray[np.uint8], square: Square | None) -> NDArray[np.uint8]:
    square = square or centre_square(frame.shape[1], frame.shape[0])
    rows = slice(square.top_px, square.top_px + square.side_px)
    columns = slice(square.left_px, square.left_px + square.side_px)
    piece: NDArray[np.uint8] = frame[rows, columns]
    if square.side_px == FRAME_SIDE_PX:
        return piece
    pixels = torch.from_numpy(np.ascontiguousarray(piece)).permute(2, 0, 1)[None].float()
    size = (FRAME_SIDE_PX, FRAME_SIDE_PX)
    scaled = F.interpolate(pixels, size, mode="bilinear", antialias=True)[0].permute(1, 2, 0)
    result: NDArray[np.uint8] = scaled.round().clamp(0, 255).byte().numpy()
    return result
