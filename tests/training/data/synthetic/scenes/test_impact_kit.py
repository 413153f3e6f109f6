"""One suite for all scenes of impacts, in all modules."""

import time

import cv2
import numpy as np
import pytest

from training.data.synthetic.performance import SOUND_RATE_HZ, Stage, Use
from training.data.synthetic.scenes import (
    impact_kit,
    impacts,
    percussion,
    strikes,
    tools,
    unseen_impacts,
)
from training.data.synthetic.scenes.impact_kit import Hit, Material, Take, keyed, voice

MODULES = (impacts, tools, percussion, strikes, unseen_impacts)
SCENES = {scene.name: scene for module in MODULES for scene in module.SCENES}
TAKES = {name: make for module in MODULES for name, make in module.TAKES.items()}
HELD_OUT = {"typing", "door slam"}
ONLY_CALIBRATED = {"collide"}
STAGE = Stage(455, 256, 6.0)
# The arm may tick in the middle of its way; feet and gliding pucks move on after their contact.
WITHOUT_A_JOLT = {"metronome", "footsteps", "collide", "ball game"}
# What comes to rest with the contact and moves most on its way there.
STOPPING = {"typing", "door slam"}

MATERIALS = {name: value for name, value in vars(impact_kit).items() if type(value) is Material}


def _image(take: Take, time_s: float) -> np.ndarray:
    canvas = np.full((STAGE.height_px, STAGE.width_px, 3), 110, np.uint8)
    take.paint(canvas, time_s)
    return canvas


def _contacts(take: Take) -> list[Hit]:
    inside = (hit for hit in take.hits if 0.2 < hit.time_s < STAGE.duration_s - 0.2)
    return sorted((hit for hit in inside if hit.is_contact), key=lambda hit: hit.time_s)


def _seen_at(take: Take, hit: Hit, reach_px: float, ages_s: np.ndarray) -> np.ndarray:
    x, y = hit.at_px
    rows = slice(max(int(y - reach_px), 0), int(y + reach_px) + 1)
    columns = slice(max(int(x - reach_px), 0), int(x + reach_px) + 1)
    return np.stack([_image(take, hit.time_s + age)[rows, columns] for age in ages_s]).astype(float)


def test_only_the_agreed_types_are_kept_from_training():
    of = {name: scene.use for name, scene in SCENES.items()}
    assert {name for name, use in of.items() if use is Use.HELD_OUT} == HELD_OUT
    assert {name for name, use in of.items() if use is Use.CALIBRATION} == ONLY_CALIBRATED
    assert len(SCENES) == sum(len(module.SCENES) for module in MODULES)


@pytest.mark.parametrize("name", SCENES)
def test_the_same_seed_gives_the_same_scene(name):
    first, again = (SCENES[name].perform(np.random.default_rng(3), STAGE) for _ in range(2))
    other = SCENES[name].perform(np.random.default_rng(4), STAGE)
    canvases = [np.zeros((256, 455, 3), np.uint8) for _ in range(2)]
    first.paint(canvases[0], 1.7)
    again.paint(canvases[1], 1.7)
    np.testing.assert_array_equal(first.sound, again.sound)
    np.testing.assert_array_equal(canvases[0], canvases[1])
    assert not np.array_equal(first.sound, other.sound)


@pytest.mark.parametrize("name", SCENES)
def test_sound_keeps_to_the_contract(name):
    for seed in range(6):
        sound = SCENES[name].perform(np.random.default_rng(seed), STAGE).sound
        assert sound.shape == (STAGE.n_samples,)
        assert sound.dtype == np.float32
        assert 0.05 <= np.abs(sound).max() <= 1


@pytest.mark.parametrize("name", SCENES)
def test_sound_starts_at_the_contact(name):
    n_checked = 0
    for seed in range(8):
        contacts = _contacts(TAKES[name](np.random.default_rng(seed), STAGE))
        sound = SCENES[name].perform(np.random.default_rng(seed), STAGE).sound
        for hit in contacts:
            at = round(hit.time_s * SOUND_RATE_HZ)
            before, after = np.abs(sound[at - 960 : at]), np.abs(sound[at : at + 960])
            if before.max() < 0.01 * after.max():
                n_checked += 1
                assert np.argmax(after > 0.02 * after.max()) < 0.005 * SOUND_RATE_HZ
    assert n_checked > 0


@pytest.mark.parametrize("name", sorted(set(SCENES) - WITHOUT_A_JOLT - STOPPING))
def test_motion_breaks_off_at_the_contact(name):
    steps = np.arange(-30, 31)
    jolt = np.zeros(len(steps) - 6)
    for seed in range(4):
        take = TAKES[name](np.random.default_rng(seed), STAGE)
        reach = max(5, 0.12 * take.extent_px)
        for hit in [hit for hit in _contacts(take) if hit.loudness > 0.3][:6]:
            seen = _seen_at(take, hit, reach, 0.004 * steps)
            change = np.abs(seen[6:] - 2 * seen[3:-3] + seen[:-6]).sum((1, 2, 3))
            jolt += change / max(change.sum(), 1)
    assert abs(0.004 * (int(jolt.argmax()) - len(jolt) // 2)) <= 0.04


@pytest.mark.parametrize("name", sorted(STOPPING))
def test_motion_ends_with_the_contact(name):
    before = after = 0.0
    for seed in range(6):
        take = TAKES[name](np.random.default_rng(seed), STAGE)
        for hit in _contacts(take)[:6]:
            seen = _seen_at(
                take, hit, max(3, 0.05 * take.extent_px), np.array([-0.035, 0.0, 0.035])
            )
            change = np.abs(np.diff(seen, axis=0)).sum((1, 2, 3))
            before, after = before + change[0], after + change[1]
    assert before > 1.5 * after


@pytest.mark.parametrize("name", SCENES)
def test_painting_is_cheap_at_any_time(name):
    cv2.setNumThreads(1)
    canvas = np.zeros((256, 455, 3), np.uint8)
    paint = SCENES[name].perform(np.random.default_rng(5), STAGE).paint
    start = time.process_time()
    for time_s in np.linspace(-1, STAGE.duration_s + 1, 60):
        paint(canvas, float(time_s))
    assert (time.process_time() - start) / 60 < 0.003


def test_keys_are_reached_in_time():
    track = keyed(STAGE, [(0.0, 1.0, 0.0), (1.0, 3.0, 2.0), (2.0, 0.0, -2.0)])
    assert [track(t) for t in (-1, 0, 0.5, 1, 2, 5)] == pytest.approx(
        [1, 1, 1.5, 3, 0, 0], abs=0.01
    )


@pytest.mark.parametrize("name", MATERIALS)
def test_a_voice_rings_out_and_starts_at_once(name):
    for variant in voice(np.random.default_rng(1), MATERIALS[name]):
        assert variant.dtype == np.float32
        assert np.abs(variant).max() == pytest.approx(1)
        assert np.argmax(np.abs(variant) > 0.02) < 0.005 * 48_000
        assert abs(variant[-1]) < 0.02


def test_a_harder_blow_sounds_brighter():
    soft, *_, hard = voice(np.random.default_rng(2), impact_kit.METAL)
    hertz = np.fft.rfftfreq(len(soft), 1 / 48_000)
    centres = [np.average(hertz, weights=np.abs(np.fft.rfft(sound))) for sound in (soft, hard)]
    assert centres[0] < centres[1]
