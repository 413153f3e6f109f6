import time
from itertools import pairwise

import numpy as np
import pytest

from training.data.synthetic.performance import SOUND_RATE_HZ, Stage
from training.data.synthetic.scenes import (
    continuous,
    creatures,
    instruments,
    signals,
    sounds,
)

STAGE = Stage(228, 128, 3.0)
EVENT_S = 0.8
SCENES = [s for m in (signals, creatures, instruments, continuous) for s in m.SCENES]
BY_NAME = {scene.name: scene for scene in SCENES}


def image(performance, time_s):
    canvas = np.full((STAGE.height_px, STAGE.width_px, 3), 90, np.uint8)
    performance.paint(canvas, time_s)
    return canvas.astype(np.int16)


@pytest.fixture
def one_event(monkeypatch):
    """Give the first rhythm of a scene a single event within the clip."""
    drawn = sounds.irregular_times
    fixed = [np.array([EVENT_S, STAGE.duration_s + 0.8])]
    monkeypatch.setattr(
        sounds, "irregular_times", lambda *args: fixed.pop() if fixed else drawn(*args)
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
    images = [image(first, time_s) for time_s in times]
    assert (time.process_time() - start) / len(times) < 0.003
    assert all(np.array_equal(image(again, times[k]), images[k]) for k in (41, 7, 20))
    assert any(not np.array_equal(images[0], other) for other in images)


LOUD_BEFORE = {"fireworks": 0.25, "fire": 0.4}
"""A rocket may whistle softly while rising; a fire roars between its crackles."""

# Span around the event with a change of the image, in seconds.
SIGNALS, CREATURES, KEYS = (-0.001, 0.02), (-0.001, 0.06), (-0.04, 0.02)
EVENTS = (
    [(scene.name, seed, SIGNALS) for scene in signals.SCENES for seed in range(4)]
    + [(scene.name, seed, CREATURES) for scene in creatures.SCENES for seed in range(4)]
    + [(name, seed, KEYS) for name in ("piano", "plucked strings") for seed in range(4)]
    + [(name, seed, SIGNALS) for name in ("water drops", "fire", "printer") for seed in range(4)]
)


@pytest.mark.parametrize(("name", "seed", "span_s"), EVENTS)
def test_sound_sets_in_with_what_is_seen(one_event, name, seed, span_s):
    performance = BY_NAME[name].perform(np.random.default_rng(seed), STAGE)

    level = np.abs(performance.sound[: round((EVENT_S + 0.1) * SOUND_RATE_HZ)])
    loud = level > LOUD_BEFORE.get(name, 0.05) * level.max()
    assert np.argmax(loud) / SOUND_RATE_HZ == pytest.approx(EVENT_S, abs=0.005)
    before, after = (image(performance, EVENT_S + shift_s) for shift_s in span_s)
    assert np.abs(after - before).max() > 5


LOUDNESS = [(name, seed, 2) for name in ("saw", "brush") for seed in range(1, 4)]
LOUDNESS += [("pulse", seed, 4) for seed in range(3)]


@pytest.mark.parametrize(("name", "seed", "most"), LOUDNESS)
def test_loudness_goes_with_the_motion(name, seed, most):
    performance = BY_NAME[name].perform(np.random.default_rng(seed), STAGE)
    rate_hz = 100
    n = round(STAGE.duration_s * rate_hz)
    images = [image(performance, (k - 0.5) / rate_hz) for k in range(n + 1)]
    motion = np.array([np.abs(b - a).sum() for a, b in pairwise(images)]) ** 0.5
    power = np.convolve(performance.sound**2, np.ones(480), "same")[:: SOUND_RATE_HZ // rate_hz]
    motion, level = motion - motion.mean(), np.sqrt(power) - np.sqrt(power).mean()
    agreement = [np.mean(motion[30:-30] * np.roll(level, -lag)[30:-30]) for lag in range(-25, 26)]

    assert abs(int(np.argmax(agreement)) - 25) <= most
