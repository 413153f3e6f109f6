from pathlib import Path

import av
import numpy as np

from training.data.sample_clip import hits, write_sample_clip

SHIPPED = Path(__file__).resolve().parents[3] / "resources" / "sample.mp4"


def _onsets_s(path: Path) -> np.ndarray:
    """Times at which the sound jumps up, by a plain energy detector at 1 ms."""
    blocks, starts = [], []
    with av.open(path) as container:
        for frame in container.decode(audio=0):
            blocks.append(frame.to_ndarray()[0])
            starts.append(frame.time)
    audio = np.concatenate(blocks)
    energy = np.sqrt(np.mean(audio[: audio.size // 48 * 48].reshape(-1, 48) ** 2, axis=1))
    loud = energy > 0.1
    rising = np.flatnonzero(loud & ~np.roll(loud, 1))
    apart = np.diff(rising, prepend=-1000) > 60
    return starts[0] + rising[apart] / 1000


def test_hits_sound_before_they_are_seen_by_the_given_offset(tmp_path):
    offset_s = -0.2
    target = tmp_path / "clip.mp4"

    write_sample_clip(target, offset_s)

    seen = np.array([time_s for time_s, _ in hits()])
    heard = _onsets_s(target)
    nearest = np.array([heard[np.abs(heard - (s - offset_s)).argmin()] for s in seen])
    assert np.median(np.abs(nearest - (seen - offset_s))) < 0.003


def test_the_shipped_clip_is_160_ms_early():
    seen = np.array([time_s for time_s, _ in hits()])
    heard = _onsets_s(SHIPPED)
    nearest = np.array([heard[np.abs(heard - (s - 0.16)).argmin()] for s in seen])

    assert np.median(np.abs(nearest - (seen - 0.16))) < 0.003
