from pathlib import Path

import numpy as np
import pytest

from core.media.decoder import ClipDecoder
from core.media.probe import probe
from training.__main__ import main
from training.data.synthetic.salient import SalientStyle, draw_events, write_salient_clips


def test_what_is_seen_is_heard_at_the_same_time(tmp_path: Path) -> None:
    style = SalientStyle(shortest_gap_s=0.6, longest_gap_s=0.9, duration_s=4.0)
    (path,) = write_salient_clips(tmp_path, 1, seed=3, style=style)
    info = probe(path)
    video, audio = info.videos[0].index, info.audios[0].index
    with ClipDecoder(info, video_stream_index=video, audio_stream_index=audio) as decoder:
        chunks = list(decoder)
    frames = np.concatenate([chunk.frames for chunk in chunks]).astype(float)
    loudness = np.concatenate([chunk.waveform for chunk in chunks]).reshape(len(frames), -1)
    brighter = np.diff(frames.mean(axis=(1, 2, 3)), prepend=frames[0].mean())
    louder = np.diff(loudness.std(axis=1), prepend=0)
    seen, heard = np.flatnonzero(brighter > 3), np.flatnonzero(louder > 0.05)
    assert 4 <= len(seen) <= 7
    assert seen.tolist() == heard.tolist()
    assert frames.shape[1:] == (256, 256, 3)


def test_clips_are_kept_and_do_not_depend_on_their_number(tmp_path: Path) -> None:
    style = SalientStyle(duration_s=0.4)
    two = write_salient_clips(tmp_path / "a", 2, style=style)
    before = two[0].stat().st_mtime_ns
    again = write_salient_clips(tmp_path / "a", 3, style=style)
    assert again[:2] == two
    assert two[0].stat().st_mtime_ns == before
    assert two[0].read_bytes() != again[2].read_bytes()
    (one,) = write_salient_clips(tmp_path / "b", 1, style=style)
    assert one.read_bytes() == two[0].read_bytes()


@pytest.mark.parametrize("seed", range(5))
def test_a_single_event_is_near_the_middle(seed: int) -> None:
    events = draw_events(np.random.default_rng(seed), SalientStyle(is_single=True))
    assert len(events.frames) == 1
    assert 117 <= events.frames[0] <= 133


def test_the_command_writes_clips(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["salient", str(tmp_path), "--clips", "1", "--single"]) == 0
    assert capsys.readouterr().out.endswith(": 1\n")
    assert len(list(tmp_path.glob("*.mp4"))) == 1
