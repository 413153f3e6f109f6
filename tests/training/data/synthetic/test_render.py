import dataclasses
from fractions import Fraction

import numpy as np
import pytest

from core.media.decoder import ClipDecoder
from core.media.probe import probe
from training.data.synthetic.recipe import recipe_of
from training.data.synthetic.render import produce


def _plain(scene, index=0, rate=Fraction(25), sub_frames=1):
    """Remove everything that hides the flashes; keep the frame rate under test."""
    recipe = recipe_of(scene, "train", index)
    return dataclasses.replace(
        recipe,
        moving=(),
        camera=dataclasses.replace(
            recipe.camera,
            move="static",
            n_cuts=0,
            gamma=1.0,
            flicker=0.0,
            drift=0.0,
            noise=0.0,
            vignetting=0.0,
            sub_frames=sub_frames,
            exposure=0.9,
        ),
        soundtrack=dataclasses.replace(
            recipe.soundtrack, music_snr_db=None, unrelated=(), noise_snr_db=None, drive_db=0.0
        ),
        encoding=dataclasses.replace(recipe.encoding, frame_rate=rate, crf=20),
    )


@pytest.mark.parametrize("rate", [Fraction(25), Fraction(30000, 1001), Fraction(50)], ids=str)
def test_what_is_seen_is_heard_at_the_same_time(tmp_path, flashing, events_s, rate):
    path = tmp_path / "clip.mp4"

    produce(_plain(flashing, rate=rate)).write(path)

    with ClipDecoder(probe(path), video_stream_index=0, audio_stream_index=1) as decoder:
        chunks = list(decoder)
    waveform = np.abs(np.concatenate([chunk.waveform for chunk in chunks]))
    brightness = np.concatenate([chunk.frames.mean(axis=(1, 2, 3)) for chunk in chunks])
    for event_s in events_s:
        near = waveform[round((event_s - 0.2) * 16000) : round((event_s + 0.2) * 16000)]
        heard_s = event_s - 0.2 + float((near > 0.5 * near.max()).argmax()) / 16000
        assert heard_s == pytest.approx(event_s, abs=0.003)
        first = round((event_s - 0.2) * 25)
        rise = np.diff(brightness[first : first + 10])
        seen_s = (first + 0.5 + float(rise.argmax())) / 25
        # The first lit frame lies up to a frame behind the event, and 25 fps takes the nearest.
        assert seen_s == pytest.approx(event_s, abs=0.02 + 0.5 / float(rate) + 1e-6)


def test_exposures_are_centred_on_the_time_of_their_frame(flashing):
    """A flash from 1.1 s: half of an exposure around a frame at 1.1 s is lit, not all."""
    recipe = _plain(flashing, rate=Fraction(50), sub_frames=2)
    frames = list(produce(recipe).frames())
    middle = (recipe.stage.height_px // 2, recipe.stage.width_px // 2)

    dark, half, lit = (float(frames[index][middle]) for index in (54, 55, 56))

    assert half == pytest.approx((dark + lit) / 2, abs=3)
    assert lit - dark > 150


def test_rendering_is_repeatable_to_the_byte(flashing):
    recipe = recipe_of(flashing, "train", 3)

    once, again = (produce(recipe).frames() for _ in range(2))

    for _ in range(5):
        np.testing.assert_array_equal(next(once), next(again))


def test_the_crop_is_a_square_around_the_action(flashing):
    for index in range(60):
        production = produce(recipe_of(flashing, "train", index))
        stage = production.recipe.stage

        square = production.crop()

        assert square.side_px == stage.short_px
        assert 0 <= square.left_px <= stage.width_px - square.side_px
        assert 0 <= square.top_px <= stage.height_px - square.side_px
        x, y = np.median(production.camera.focus_track(), axis=0)
        assert square.left_px <= x <= square.left_px + square.side_px
        assert square.top_px <= y <= square.top_px + square.side_px
