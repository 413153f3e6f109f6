"""Sample clips for review: every scene as MP4, and a contact sheet of all scenes."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from training.data.clip import read_clip
from training.data.synthetic.performance import Scene, Use
from training.data.synthetic.recipe import SPLIT_OF, all_scenes, recipe_of
from training.data.synthetic.render import produce

_TILE_PX = 160
_STRIP_PX = 40
_NAME_PX = 18
_N_TILES = 6
_SPAN_FRAMES = 25
"""Frames of a row are taken from the loudest second; the waveform covers the whole clip."""

_SEEDS_FROM = 2_000_000


def write_samples(folder: Path, n_per_scene: int = 1, seed: int = 0) -> Path:
    """Write sample MP4s of every scene and a contact sheet of the first of each.

    Args:
        folder: Folder of the samples; created if missing.
        n_per_scene: Number of MP4s per scene.
        seed: Seed of all clips.

    Returns:
        Path of the contact sheet, a PNG.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for scene in all_scenes():
        paths = [folder / f"{scene.name.replace(' ', '-')}-{n}.mp4" for n in range(n_per_scene)]
        for number, path in enumerate(paths):
            index = _SEEDS_FROM + 1000 * seed + number
            produce(recipe_of(scene, SPLIT_OF[scene.use], index)).write(path)
        rows.append(_row(scene, paths[0]))
    n_columns = 2
    rows += [np.zeros_like(rows[0])] * (-len(rows) % n_columns)
    sheet = np.concatenate(
        [np.concatenate(rows[i : i + n_columns], axis=1) for i in range(0, len(rows), n_columns)]
    )
    target = folder / "contact-sheet.png"
    cv2.imwrite(str(target), sheet[..., ::-1])
    return target


def _row(scene: Scene, path: Path) -> NDArray[np.uint8]:
    """Draw frames, waveform and name of a clip as an RGB image."""
    clip = read_clip(path)
    frames, waveform = clip.frames, clip.waveform
    power = np.convolve(
        waveform.reshape(len(frames), -1).std(axis=1), np.ones(_SPAN_FRAMES), "same"
    )
    first = int(np.clip(power.argmax() - _SPAN_FRAMES // 2, 0, len(frames) - _SPAN_FRAMES))
    shown = np.linspace(first, first + _SPAN_FRAMES - 1, _N_TILES).astype(int)
    tiles = np.concatenate([_tile(frames[index]) for index in shown], axis=1)
    strip = _strip(waveform, tiles.shape[1], shown / len(frames))
    label: NDArray[np.uint8] = np.full((_NAME_PX, tiles.shape[1], 3), 255, np.uint8)
    name = scene.name if scene.use is Use.TRAINING else f"{scene.name} ({scene.use})"
    cv2.putText(
        label, name, (4, _NAME_PX - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1, cv2.LINE_AA
    )
    return np.concatenate([label, tiles, strip])


def _tile(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Fit a frame into a square."""
    scale = _TILE_PX / max(frame.shape[:2])
    small = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    tile: NDArray[np.uint8] = np.zeros((_TILE_PX, _TILE_PX, 3), np.uint8)
    top, left = ((_TILE_PX - side) // 2 for side in small.shape[:2])
    tile[top : top + small.shape[0], left : left + small.shape[1]] = small
    return tile


def _strip(
    waveform: NDArray[np.float32], width: int, marks: NDArray[np.float64]
) -> NDArray[np.uint8]:
    """Draw the peaks of a waveform, with marks at the times of the frames."""
    strip: NDArray[np.uint8] = np.full((_STRIP_PX, width, 3), 24, np.uint8)
    for column in (marks * width).astype(int):
        strip[:, column] = (200, 90, 40)
    pieces = np.array_split(np.abs(waveform) / max(float(np.abs(waveform).max()), 1e-6), width)
    for column, piece in enumerate(pieces):
        half = round(float(piece.max()) * (_STRIP_PX // 2 - 1))
        strip[_STRIP_PX // 2 - half : _STRIP_PX // 2 + half + 1, column] = (120, 220, 140)
    return strip
