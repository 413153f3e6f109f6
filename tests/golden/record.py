"""Record the golden numbers again: python tests/golden/record.py PARITY_FOLDER.

The folder holds the full set of numbers recorded from the reference implementation; README.md says
what is taken from it.
"""

import argparse
import json
import re
from pathlib import Path

import numpy as np

GOLDEN_FOLDER = Path(__file__).parent
KINDS = ("sync", "synchability", "avclip")
WINDOW = "3qesirWAGt4_20000_30000/start0.00"
PLAIN = (
    "rgb/lut_half",
    "grid/values",
    "grid/offsets",
    "grid/class_of_offset",
    "geometry/center_crop_start",
    "geometry/starts",
    *(
        f"geometry/stage{stage}/{stream}_ranges"
        for stage in (1, 2, 3)
        for stream in ("audio", "video")
    ),
    "mel/filterbank_nonzero",
    "synthetic/video_at",
    "synthetic/audio_features",
    "synthetic/visual_features",
    "synthetic/logits",
    f"{WINDOW}/visual_features",
    f"{WINDOW}_offset+1.60/audio_features",
    f"{WINDOW}_offset+1.60/logits",
    f"{WINDOW}_offset+1.60/sync_logits",
    "stage1/similarity_v2a",
    "stage1/loss",
    "shift_case/visual",
    "shift_case/audio",
    "shift_case/predictions_dim_audio",
    "shift_case/predictions_dim_visual",
    "shift_case/precision",
    "metrics/logits",
    "metrics/targets",
    "metrics/binary_logits",
    "metrics/binary_targets",
)
N_MEL_SEGMENTS = 2
N_CLASSES_OF = {"sync": 21, "synchability": 2}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parity", type=Path, help="folder with goldens_public.npz, manifest_*.json")
    parity: Path = parser.parse_args().parity

    manifests = {kind: compacted(parity / f"manifest_{kind}.json") for kind in KINDS}
    lines = ",\n".join(f'"{kind}": {listed(shapes)}' for kind, shapes in manifests.items())
    (GOLDEN_FOLDER / "manifests.json").write_text("{\n" + lines + "\n}\n")

    goldens = np.load(parity / "goldens_public.npz")
    about = json.loads((parity / "goldens_public.json").read_text())
    arrays = {name: goldens[name] for name in PLAIN}
    arrays["synthetic/mel"] = goldens["synthetic/mel"][:N_MEL_SEGMENTS]
    np.savez_compressed(GOLDEN_FOLDER / "goldens.npz", **arrays)
    facts = {
        "synthetic_pixels_sha256": about["meta"]["synthetic"]["window_uint8_sha256"],
        "metrics": {kind: about["meta"][f"metrics_{n}"] for kind, n in N_CLASSES_OF.items()},
        "tolerances": {name: about["arrays"][name]["tolerance"] for name in sorted(arrays)},
    }
    (GOLDEN_FOLDER / "goldens.json").write_text(json.dumps(facts, indent=1) + "\n")


def compacted(manifest: Path) -> dict[str, list[int]]:
    """Return names and shapes, with "[12]" in the place of the layer numbers 0 to 11."""
    counts: dict[str, int] = {}
    shapes: dict[str, list[int]] = {}
    for entry in json.loads(manifest.read_text())["entries"]:
        pattern = re.sub(r"\.(blocks|layer)\.\d+\.", r".\1.[].", entry["name"])
        counts[pattern] = counts.get(pattern, 0) + 1
        if shapes.setdefault(pattern, entry["shape"]) != entry["shape"]:
            raise ValueError(f"layers differ in shape: {entry['name']}")
    return {pattern.replace("[]", f"[{counts[pattern]}]"): s for pattern, s in shapes.items()}


def listed(shapes: dict[str, list[int]]) -> str:
    """Return JSON with one parameter a line."""
    return "{\n" + ",\n".join(f' "{k}": {json.dumps(v)}' for k, v in shapes.items()) + "\n}"


if __name__ == "__main__":
    main()
