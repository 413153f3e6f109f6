import time

import numpy as np
import pytest

from training.data.synthetic.performance import SOUND_RATE_HZ, Stage
from training.data.synthetic.scenes import voicing
from training.data.synthetic.scenes.signals import SCENES

STAGE = Stage(228, 128, 3.0)
EVENT_S = 0.8
BY_NAME = {scene.name: scene for scene in SCENES}


def picture(performance, time_s):
    canvas = np.full((STAGE.height_px, STAGE.width_px, 3), 90, np.uint8)
    performance.paint(canvas, time_s)
    return canvas.astype(np.int16)


@pytest.fixture
def one_event(monkeypatch):
    """Let the first rhythm that a scene asks for have one event within the clip."""
    drawn = voicing.irregular_times
    fixed = [np.array([EVENT_S, STAGE.duration_s + 0.8])]
    monkeypatch.setattr(
        voicing, "irregular_times", lambda *args: fixed.pop() if fixed else drawn(*args)
    )


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_a_seed_gives_one_clip_with_valid_sound_at_little_cost(scene):
    first, again = (scene.perform(np.random.default_rng(5), STAGE) for _ in range(2))

    assert np.array_equal(first.sound, again.sound)
    assert first.sound.shape == (STAGE.n_samples,)
    assert first.sound.dtype == np.float32
    assert 0.05 <= np.abs(first.sound).max() <= 1
    times = np.linspace(-0.5, STAGE.duration_s + 0.5, 60)
    start = time.process_time()
    pictures = [picture(first, time_s) for time_s in times]
    assert (time.process_time() - start) / len(times) < 0.003
    assert all(np.array_equal(picture(again, times[k]), pictures[k]) for k in (41, 7, 20))
    assert any(not np.array_equal(pictures[0], other) for other in pictures)


@pytest.mark.parametrize("name", sorted(BY_NAME))
@pytest.mark.parametrize("seed", range(4))
def test_sound_sets_in_with_what_is_seen(one_event, name, seed):
    performance = BY_NAME[name].perform(np.random.default_rng(seed), STAGE)

    level = np.abs(performance.sound[: round((EVENT_S + 0.1) * SOUND_RATE_HZ)])
    # A rocket may whistle softly on its way up.
    share = 0.25 if name == "fireworks" else 0.05
    onset_s = np.argmax(level > share * level.max()) / SOUND_RATE_HZ
    assert onset_s == pytest.approx(EVENT_S, abs=0.005)
    before, after = picture(performance, EVENT_S - 0.001), picture(performance, EVENT_S + 0.02)
    assert np.abs(after - before).max() > 5
