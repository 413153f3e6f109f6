"""The command `features`: features of all clips in a folder, one file per clip."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from core.errors import MediaError
from core.model.device import choose_device
from core.model.synchformer.synchformer import Synchformer
from core.paths import remove_left_over
from core.progress import Monitor, Progress
from core.timing import VIDEO_FPS
from training.data.clip import Clip, read_clip
from training.data.sets.folder import clips_below
from training.features.feature_files import (
    SUFFIX,
    FeatureError,
    FeaturePlan,
    claim_folder,
    clip_features,
    write_features,
)
from training.loop.distributed import SINGLE, Ranks
from training.options import DeviceOption
from training.terminal import TerminalMonitor
from training.weights import network_of, read_weights

MOST_S = 120
"""Longest clip to encode; frames of a longer one would take more than 1 GB, twice."""

_PLAIN = FeaturePlan(n_views=0, audio_hop_frames=8)


def features(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Clips, also in sub-folders.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder for one file per clip.")],
    weights: Annotated[
        Path, typer.Option("--weights", metavar="FILE", help="A checkpoint of any stage.")
    ],
    device: DeviceOption = "auto",
) -> None:
    """Write the segment features of clips; existing files are kept."""
    clips = clips_below(folder)
    if not clips:
        raise FeatureError(f"{folder} holds no clips; choose another folder.", path=folder)
    network = network_of(read_weights(weights), weights).to(choose_device(device))
    claim_folder(out, {"towers": towers_digest(network), **asdict(_PLAIN)})
    targets: dict[Path, Path] = {}
    skipped = []
    for path in clips:
        kept = targets.setdefault(out / path.relative_to(folder).with_suffix(SUFFIX), path)
        if kept != path:
            skipped.append(f"{path} is left out: its features would replace those of {kept.name}.")
    with TerminalMonitor() as monitor:
        left_out = ensure_features(network, out, targets, _PLAIN, monitor)
    skipped += left_out
    for reason in skipped:
        typer.echo(reason, err=True)
    typer.echo(f"Features of {len(targets) - len(left_out)} clips are in {out}")


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
