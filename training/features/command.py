"""The command `features`: features of all clips in a folder, one file per clip."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from core.model.device import choose_device
from training.data.sets.folder import clips_below
from training.features.feature_files import (
    SUFFIX,
    FeatureError,
    FeaturePlan,
    claim_folder,
    ensure_features,
    towers_digest,
)
from training.options import DeviceOption
from training.terminal import TerminalMonitor
from training.weights import network_of, read_weights

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
