import torch

from core.progress import SILENT, Progress
from tests.training.stages.conftest import FixedSamples
from training.data.types import Tensors
from training.evaluation.predict import ask_both, ask_samples
from training.stages.sync import answer, build_learner


def window(label: int, offset_s: float) -> Tensors:
    generator = torch.Generator().manual_seed(round(100 * offset_s))
    return {
        "visual": torch.randn(14, 8, 24, generator=generator),
        "audio": torch.randn(14, 6, 24, generator=generator),
        "label": torch.tensor(label),
        "offset_s": torch.tensor(offset_s),
    }


class Watcher:
    def __init__(self) -> None:
        self.fractions: list[float] = []

    def report(self, progress: Progress) -> None:
        self.fractions.append(progress.fraction or 0.0)

    def check(self) -> None:
        SILENT.check()


def test_all_questions_are_asked_in_order() -> None:
    network = build_learner("sync", width=24, depth=1)
    samples = FixedSamples([window(k, 0.2 * k) for k in (1, 2, 3)])
    watcher = Watcher()
    answers = ask_samples(network, samples, 2, 0, watcher)
    assert answers.targets.tolist() == [1, 2, 3]
    assert answers.items.tolist() == [0, 1, 2]
    assert watcher.fractions[-1] == 1.0


def test_nothing_is_asked_about_clips_that_stand_in_for_others() -> None:
    network = build_learner("sync", width=24, depth=1)
    replaced = window(2, 0.4) | {"skipped": torch.tensor(1)}
    samples = FixedSamples([window(1, 0.2), replaced, replaced, replaced, window(3, 0.6)])
    answers = ask_samples(network, samples, 2, 0, SILENT)
    assert answers.targets.tolist() == [1, 3]
    assert answers.items.tolist() == [0, 4]


def test_two_networks_see_the_same_windows() -> None:
    offsets = build_learner("sync", width=24, depth=1)
    synchability = build_learner("synchability", width=24, depth=1)
    windows = [window(1, -0.4), window(0, 4.8), window(1, 2.0)]
    first, second = ask_both(offsets, synchability, FixedSamples(windows), 2, 0, SILENT)
    assert first.targets.tolist() == [8, 20, 20]
    assert second.targets.tolist() == [1, 0, 1]
    assert first.items.equal(second.items)
    batch = {name: value[None, :13] for name, value in windows[0].items() if value.ndim}
    with torch.no_grad():
        expected = answer(synchability.eval(), batch)
    torch.testing.assert_close(second.logits[:1], expected)
