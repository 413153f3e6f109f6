"""Segment features of clips on disk, so that frozen towers run only once per clip."""

import hashlib
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import save_file

from core.errors import MediaError, SyncError
from core.model.synchformer.dimensions import (
    FRAME_SIDE_PX,
    SEGMENT_FRAMES,
    SEGMENT_HOP_FRAMES,
    SEGMENT_SAMPLES,
)
from core.model.synchformer.inputs import audio_input, video_input
from core.model.synchformer.synchformer import Synchformer
from core.paths import complete_or_absent, remove_left_over
from core.progress import Monitor, Progress
from core.timing import SAMPLES_PER_FRAME, VIDEO_FPS
from training.data.clip import Clip, read_clip
from training.loop.distributed import SINGLE, Ranks

SUFFIX = ".safetensors"
NOTES = "features.json"

SEGMENTS_AT_ONCE = 8
"""Segments per batch of a tower; larger batches need more memory and are no faster."""

MOST_S = 120
"""Longest clip to encode; frames of a longer one would take more than 1 GB, twice."""


class FeatureError(SyncError):
    """Features on disk are missing, damaged, or made with other weights."""


@dataclass(frozen=True, slots=True)
class FeaturePlan:
    """Segments of a clip to encode.

    Attributes:
        n_views: Number of random views, each with its own crop, mirroring and first frame; 0 for
            one plain view: the centre, not mirrored, from frame 0.
        audio_hop_frames: Frames of 40 ms between the starts of audio segments.
        flip: Share of mirrored views.
        seed: Seed of the views.
    """

    n_views: int = 4
    audio_hop_frames: int = 1
    flip: float = 0.5
    seed: int = 0


@dataclass(frozen=True, slots=True)
class View:
    """Crop, mirroring and first frame of a clip.

    Attributes:
        first_frame: First frame of the first segment, 0 to 7.
        top_px: Top edge of the square of 224 px.
        left_px: Left edge of the square.
        is_mirrored: Left and right are swapped.
    """

    first_frame: int
    top_px: int
    left_px: int
    is_mirrored: bool


def plan_views(plan: FeaturePlan, size_px: tuple[int, int], name: str) -> tuple[View, ...]:
    """Draw the views of a clip.

    Args:
        plan: Number of views and seed.
        size_px: Width and height of the frames.
        name: Name of the clip; makes its views independent of other clips.
    """
    width, height = size_px
    if not plan.n_views:
        top, left = (round((side - FRAME_SIDE_PX) / 2) for side in (height, width))
        return (View(0, top, left, is_mirrored=False),)
    number = zlib.crc32(name.encode("utf-8", "surrogateescape"))
    rng = np.random.default_rng([plan.seed, 5, number])
    # Every first frame comes once before any comes again.
    firsts = np.concatenate(
        [rng.permutation(SEGMENT_HOP_FRAMES) for _ in range(-(-plan.n_views // SEGMENT_HOP_FRAMES))]
    )
    return tuple(
        View(
            first_frame=int(first),
            top_px=int(rng.integers(height - FRAME_SIDE_PX + 1)),
            left_px=int(rng.integers(width - FRAME_SIDE_PX + 1)),
            is_mirrored=bool(rng.random() < plan.flip),
        )
        for first in firsts[: plan.n_views]
    )


@torch.inference_mode()
def clip_features(
    network: Synchformer, clip: Clip, plan: FeaturePlan, name: str = ""
) -> dict[str, torch.Tensor]:
    """Encode the segments of a clip.

    Args:
        network: Network with the towers.
        clip: Frames and audio.
        plan: Segments to encode.
        name: As in `plan_views`.

    Returns:
        visual (V, J, 8, D) float16, J segments every 8 frames from the view's first frame on;
        first_frames (V,) int64; audio (A, 6, D) float16, from sample 0 on.

    Raises:
        ValueError: The clip is shorter than a segment and the latest first frame.
    """
    n_frames, height, width = clip.frames.shape[:3]
    latest_first = SEGMENT_HOP_FRAMES - 1 if plan.n_views else 0
    n_segments = (n_frames - SEGMENT_FRAMES - latest_first) // SEGMENT_HOP_FRAMES + 1
    if n_segments < 1:
        raise ValueError(f"expected at least {SEGMENT_FRAMES} frames, got {n_frames}")
    views = plan_views(plan, (width, height), name)
    visual = torch.stack([_look(network, clip.frames, view, n_segments) for view in views])
    n_audio = (n_frames - SEGMENT_FRAMES) // plan.audio_hop_frames + 1
    starts = SAMPLES_PER_FRAME * plan.audio_hop_frames * np.arange(n_audio)
    return {
        "visual": visual,
        "first_frames": torch.tensor([view.first_frame for view in views]),
        "audio": _listen(network, clip.waveform, starts),
    }


def _look(
    network: Synchformer, frames: NDArray[np.uint8], view: View, n_segments: int
) -> torch.Tensor:
    """Visual features of a view: (J, 8, D) float16."""
    top, left = view.top_px, view.left_px
    square = frames[:, top : top + FRAME_SIDE_PX, left : left + FRAME_SIDE_PX]
    if view.is_mirrored:
        square = square[:, :, ::-1]
    starts = view.first_frame + SEGMENT_HOP_FRAMES * np.arange(n_segments)
    parts = []
    for segments in _segments(square, starts, SEGMENT_FRAMES):
        video = video_input(segments).to(_device(network))
        parts.append(network.encode_video(video[None])[0].half().cpu())
    return torch.cat(parts)


def _listen(
    network: Synchformer, waveform: NDArray[np.float32], starts: NDArray[np.int64]
) -> torch.Tensor:
    """Audio features: (A, 6, D) float16."""
    parts = []
    for segments in _segments(waveform, starts, SEGMENT_SAMPLES):
        mel = audio_input(segments).to(_device(network))
        parts.append(network.encode_audio(mel[None])[0].half().cpu())
    return torch.cat(parts)


def _segments(
    values: NDArray[np.generic], starts: NDArray[np.int64], length: int
) -> Iterator[torch.Tensor]:
    for first in range(0, len(starts), SEGMENTS_AT_ONCE):
        some = starts[first : first + SEGMENTS_AT_ONCE]
        yield torch.from_numpy(np.stack([values[start : start + length] for start in some]))


def _device(network: Synchformer) -> torch.device:
    return network.vfeat_extractor.cls_token.device


def ensure_features(
    network: Synchformer,
    folder: Path,
    clips: Mapping[Path, Path],
    plan: FeaturePlan,
    monitor: Monitor,
    *,
    longest_s: float | None = None,
    legacy_priming: bool = False,
    ranks: Ranks = SINGLE,
) -> list[str]:
    """Make missing files of features.

    Args:
        network: Network with the towers.
        folder: Folder of the features. Paths below it are the names of the clips.
        clips: Clip by file of features.
        plan: Segments to encode.
        monitor: Gets the progress; may cancel after each clip.
        longest_s: Length to encode from the begin of each clip, in seconds. None encodes all of it,
            and leaves out clips longer than `MOST_S`.
        legacy_priming: As in `read_clip`.
        ranks: This process; the ranks share the work.

    Returns:
        A sentence for each clip without features: unreadable, too short or too long.

    Raises:
        FeatureError: A file cannot be written.
        Cancelled: The monitor asked to stop.
    """
    network.eval()
    for parent in {target.parent for target in clips} if ranks.is_first else ():
        remove_left_over(parent)
    skipped = []
    for number, (target, path) in enumerate(clips.items()):
        monitor.check()
        monitor.report(Progress("Encoding clips", number / len(clips)))
        if number % ranks.n_ranks != ranks.rank or target.exists():
            continue
        try:
            clip = _read(path, longest_s, legacy_priming=legacy_priming)
            name = target.relative_to(folder).as_posix()
            found = clip_features(network, clip, plan, name)
        except MediaError as error:
            skipped.append(error.message)
            continue
        except ValueError as error:
            skipped.append(f"{path.name} is too short: {error}.")
            continue
        write_features(found, target)
    monitor.report(Progress("Encoding clips", 1.0))
    return skipped


def _read(path: Path, longest_s: float | None, *, legacy_priming: bool) -> Clip:
    if longest_s is not None:
        return read_clip(path, longest_s, legacy_priming=legacy_priming)
    # One more second shows if the clip is too long; a file may state a wrong duration.
    clip = read_clip(path, MOST_S + 1, legacy_priming=legacy_priming)
    if clip.n_frames > MOST_S * VIDEO_FPS:
        raise MediaError(
            f"{path.name} is longer than {MOST_S} s; cut it into pieces first.", path=path
        )
    return clip


def towers_digest(network: Synchformer) -> str:
    """SHA-256 of the towers' weights, the identity of their features."""
    digest = hashlib.sha256()
    for tower in (network.vfeat_extractor, network.afeat_extractor):
        for name, weight in tower.state_dict().items():
            digest.update(name.encode())
            digest.update(weight.detach().float().cpu().numpy().tobytes())
    return digest.hexdigest()


def read_features(path: Path) -> dict[str, torch.Tensor]:
    """Read all features of a clip.

    Raises:
        FeatureError: The file is missing or damaged.
    """
    try:
        with safe_open(path, "pt") as stored:
            return {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
    except (OSError, safetensors.SafetensorError) as error:
        raise _unreadable(path, error) from error


def n_frames_of(path: Path) -> int:
    """Number of frames of the clip of a file of features, made with an audio hop of one frame.

    Raises:
        FeatureError: The file is missing or damaged.
    """
    try:
        with safe_open(path, "pt") as stored:
            return int(stored.get_slice("audio").get_shape()[0]) + SEGMENT_FRAMES - 1
    except (OSError, safetensors.SafetensorError) as error:
        raise _unreadable(path, error) from error


def write_features(features: dict[str, torch.Tensor], path: Path) -> None:
    """Write the features of a clip atomically.

    Raises:
        FeatureError: The file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with complete_or_absent(path) as partial:
            save_file({name: value.contiguous() for name, value in features.items()}, partial)
    except (OSError, safetensors.SafetensorError) as error:
        raise FeatureError(
            f"{path} cannot be written; check the free space and the permissions of the folder.",
            path=path,
            details=str(error),
        ) from error


def claim_folder(folder: Path, facts: Mapping[str, object]) -> None:
    """Record the conditions of the features of a folder, or compare them with the record.

    Args:
        folder: Created if missing.
        facts: All conditions of the features, as plain JSON data.

    Raises:
        FeatureError: The folder holds features of something else, or cannot be used.
    """
    path = folder / NOTES
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            with complete_or_absent(path) as partial:
                partial.write_text(json.dumps(dict(facts), indent=2) + "\n", encoding="utf-8")
            return
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FeatureError(
            f"{path} cannot be used; choose another folder.", path=path, details=str(error)
        ) from error
    asked = json.loads(json.dumps(dict(facts)))
    if found != asked:
        known = found if isinstance(found, dict) else {}
        others = sorted(key for key in known | asked if known.get(key) != asked.get(key))
        raise FeatureError(
            f"{folder} holds features of other weights, views or clips ({', '.join(others)});"
            " choose another folder, or delete it to make them anew.",
            path=folder,
            details=f"{found} instead of {dict(facts)}",
        )


def read_claim(folder: Path) -> str:
    """Read the recorded conditions of the features of a folder; empty without a record.

    Raises:
        FeatureError: The record cannot be read.
    """
    path = folder / NOTES
    try:
        return path.read_text(encoding="utf-8") if path.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> FeatureError:
    return FeatureError(
        f"{path.name} is missing or damaged; delete it and make the features again.",
        path=path,
        details=str(error),
    )
