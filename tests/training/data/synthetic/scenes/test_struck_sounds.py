import numpy as np
import pytest

from training.data.synthetic.scenes import struck_sounds
from training.data.synthetic.scenes.struck_sounds import Material, voice

MATERIALS = {name: value for name, value in vars(struck_sounds).items() if type(value) is Material}


@pytest.mark.parametrize("name", MATERIALS)
def test_a_voice_rings_out_and_starts_at_once(name):
    for variant in voice(np.random.default_rng(1), MATERIALS[name]):
        assert variant.dtype == np.float32
        assert np.abs(variant).max() == pytest.approx(1)
        assert np.argmax(np.abs(variant) > 0.02) < 0.005 * 48_000
        assert abs(variant[-1]) < 0.02


def test_a_harder_blow_sounds_brighter():
    soft, *_, hard = voice(np.random.default_rng(2), struck_sounds.METAL)
    hertz = np.fft.rfftfreq(len(soft), 1 / 48_000)
    centres = [np.average(hertz, weights=np.abs(np.fft.rfft(sound))) for sound in (soft, hard)]
    assert centres[0] < centres[1]
