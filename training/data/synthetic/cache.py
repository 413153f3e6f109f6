"""Cache of generated clips for training, decoded once from compressed files."""

import contextlib
import multiprocessing
import os
import shutil
import tempfile
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from core.errors import SyncError
from core.media.decoder import ClipDecoder
from core.media.probe import probe
from core.media.video_grid import SHORT_SIDE_PX
from core.model.builtin.inputs import grey_half
from core.progress import SILENT, Monitor, Progress
from core.timing import SAMPLES_PER_FRAME, VIDEO_FPS
from training.data.synthetic.performance import Scene
from training.data.synthetic.recipe import CLIP_S, ClipRecipe, draw_recipe, recipe_of, split_scenes
from training.data.synthetic.render import produce, render_once
from training.data.workers import calm_worker

SIDE_PX = SHORT_SIDE_PX // 2
N_FRAMES = round(CLIP_S * VIDEO_FPS)

CLIP_BYTES = N_FRAMES * (SIDE_PX**2 + 2 * SAMPLES_PER_FRAME + 1) + 2048
"""Size of a cached clip: grey frames, 16-bit audio, flags, and overhead of the container."""

_FILES_FROM_INDEX = 1_000_000
"""First clip number of separate MP4s, beyond the numbers of cached clips."""


class CacheError(SyncError):
    """Rendered clips do not fit on the disk, or a cached clip cannot be read."""


@dataclass(frozen=True, slots=True, eq=False)
class CachedClip:
    """A clip in sync, decoded by the application's decoder and cropped to a square.

    Attributes:
        scene: Name of the scene.
        index: Number of the clip in its split.
        frames: (T, 128, 128) uint8 grey at 25 fps, a square around the action at half of 256 px.
        waveform: (T * 640,) float32 mono at 16 kHz.
        has_audio: (T,) bool, True where the file has audio during the whole frame.
    """

    scene: str
    index: int
    frames: NDArray[np.uint8]
    waveform: NDArray[np.float32]
    has_audio: NDArray[np.bool_]


def ensure_rendered(
    folder: Path,
    split: str,
    n_clips: int,
    n_workers: int = 2,
    budget_gb: float = 24.0,
    monitor: Monitor = SILENT,
) -> list[Path]:
    """Render the missing ones of the first clips of a split.

    Cached clips are identified by split, number and scene. A change of the generator's code does
    not render them anew.

    Args:
        folder: Folder of the clips; created if missing.
        split: One of `recipe.SPLITS`.
        n_clips: Number of clips.
        n_workers: Number of processes; does not affect the clips.
        budget_gb: Limit of the size of all clips of the split, in 10^9 bytes.
        monitor: Receives the progress; can cancel after each clip.

    Returns:
        One path per clip, in order.

    Raises:
        CacheError: The clips exceed the budget or the free space; nothing was rendered.
        ValueError: The split is unknown or has no scenes.
    """
    recipes = [draw_recipe(split, index) for index in range(n_clips)]
    paths = [folder / f"{split}-{r.index:06d}-{_slug(r.scene)}.npz" for r in recipes]
    missing = [(r, path) for r, path in zip(recipes, paths, strict=True) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    _check_space(folder, n_clips, len(missing), budget_gb)
    if not missing:
        return paths
    with ProcessPoolExecutor(
        n_workers, multiprocessing.get_context("spawn"), initializer=calm_worker
    ) as pool:
        tasks = [pool.submit(_render_one, split, recipe.index, path) for recipe, path in missing]
        try:
            for n_done, task in enumerate(as_completed(tasks), 1):
                task.result()
                monitor.report(Progress(f"Rendering {split} clips", n_done / len(tasks)))
                monitor.check()
        finally:
            pool.shutdown(cancel_futures=True)
    return paths


def load_clip(path: Path) -> CachedClip:
    """Read a cached clip.

    Raises:
        CacheError: The file is missing or damaged.
    """
    try:
        # NumPy leaves a path open if the file is no archive; a file opened here is closed.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            return CachedClip(
                scene=str(stored["scene"]),
                index=int(stored["index"]),
                frames=stored["frames"],
                waveform=stored["waveform"].astype(np.float32),
                has_audio=stored["has_audio"],
            )
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise CacheError(
            f"{path.name} is missing or damaged; delete it and render it again.",
            path=path,
            details=str(error),
        ) from error


def render_split_files(folder: Path, split: str, n_per_scene: int) -> list[tuple[Path, str]]:
    """Write MP4s of every scene of a split, with other seeds than cached clips.

    Existing files are kept.

    Returns:
        Path and scene name of each file.

    Raises:
        ValueError: The split is unknown.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for scene in split_scenes(split):
        for number in range(n_per_scene):
            path = folder / f"{split}-{_slug(scene)}-{number:03d}.mp4"
            render_once(recipe_of(scene, split, _FILES_FROM_INDEX + number), path)
            written.append((path, scene.name))
    return written


def film_to_clip(recipe: ClipRecipe) -> CachedClip:
    """Render a clip into a temporary MP4 and decode it like the application does."""
    production = produce(recipe)
    with tempfile.TemporaryDirectory(prefix="synthetic-") as folder:
        path = Path(folder) / "clip.mp4"
        production.write(path)
        info = probe(path)
        with ClipDecoder(
            info,
            video_stream_index=info.videos[0].index,
            audio_stream_index=info.audios[0].index,
            n_frames=N_FRAMES,
        ) as decoder:
            square = production.crop()
            scale = SHORT_SIDE_PX / square.side_px
            frames, waveforms, has_audio = [], [], []
            for chunk in decoder:
                height, width = chunk.frames.shape[1:3]
                # Scaled sides are rounded; the square must stay inside.
                left = min(round(square.left_px * scale), width - SHORT_SIDE_PX)
                top = min(round(square.top_px * scale), height - SHORT_SIDE_PX)
                cut = chunk.frames[:, top : top + SHORT_SIDE_PX, left : left + SHORT_SIDE_PX]
                frames.append(grey_half(cut))
                waveforms.append(chunk.waveform)
                has_audio.append(chunk.has_audio)
    return CachedClip(
        scene=recipe.scene.name,
        index=recipe.index,
        frames=np.concatenate(frames),
        waveform=np.concatenate(waveforms),
        has_audio=np.concatenate(has_audio),
    )


def _slug(scene: Scene) -> str:
    return scene.name.replace(" ", "-")


def _check_space(folder: Path, n_clips: int, n_missing: int, budget_gb: float) -> None:
    needed_gb = n_clips * CLIP_BYTES / 1e9
    if needed_gb > budget_gb:
        raise CacheError(
            f"{n_clips} clips take {needed_gb:.1f} GB in {folder.name}, more than the budget of "
            f"{budget_gb:g} GB; ask for fewer clips or allow more.",
            path=folder,
        )
    free_gb = shutil.disk_usage(folder).free / 1e9
    if n_missing * CLIP_BYTES / 1e9 > free_gb:
        raise CacheError(
            f"{n_missing} clips are missing in {folder.name} and take "
            f"{n_missing * CLIP_BYTES / 1e9:.1f} GB, but {free_gb:.1f} GB are free; make room or "
            "ask for fewer clips.",
            path=folder,
        )


def _render_one(split: str, index: int, path: Path) -> None:
    clip = film_to_clip(draw_recipe(split, index))
    part = path.with_suffix(f".{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            np.savez(
                file,
                allow_pickle=False,
                scene=np.array(clip.scene),
                index=np.array(clip.index),
                frames=clip.frames,
                waveform=clip.waveform.astype(np.float16),
                has_audio=clip.has_audio,
            )
        part.replace(path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            part.unlink()
