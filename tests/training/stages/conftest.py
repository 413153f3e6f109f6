"""Windows of clips that are easy to learn from, and steps of learning without the whole loop."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from torch import nn

from core.model.config import SEGMENT_FRAMES, SEGMENT_SAMPLES
from core.model.inputs import audio_input, centre_crop, video_input
from core.timing import SAMPLES_PER_FRAME
from training.data.clip import Clip
from training.data.synthetic.salient import SalientStyle, draw_events, pictures, sound
from training.loop import Metrics, Tensors


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small networks gain nothing from a second thread, which a busy machine makes slow."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class FixedSamples:
    """The same few samples at all positions."""

    def __init__(self, items: list[Tensors]) -> None:
        self.items, self.n_items = items, len(items)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, position: int) -> Tensors:
        item = position % len(self.items)
        return {"item": torch.tensor(item), "skipped": torch.tensor(0), **self.items[item]}


@pytest.fixture(scope="session")
def salient_clip() -> Callable[..., Clip]:
    """Return a function that renders a clip with what happens in it."""

    def render(seed: int, **style: float) -> Clip:
        what = SalientStyle(**style)  # type: ignore[arg-type]
        rng = np.random.default_rng(seed)
        events = draw_events(rng, what)
        frames = np.stack(list(pictures(rng, events, what)))
        return Clip(frames, sound(rng, events, what, rate_hz=16_000))

    return render


@pytest.fixture(scope="session")
def contrastive_item() -> Callable[[Clip, int], Tensors]:
    """Return a function that cuts the first segments of a clip, without overlap."""

    def cut(clip: Clip, n_segments: int) -> Tensors:
        square = centre_crop(clip.frames)
        firsts = SEGMENT_FRAMES * np.arange(n_segments)
        seen = np.stack([square[first : first + SEGMENT_FRAMES] for first in firsts])
        heard = np.stack(
            [clip.waveform[SAMPLES_PER_FRAME * first :][:SEGMENT_SAMPLES] for first in firsts]
        )
        return {"video": video_input(seen).half(), "mel": audio_input(heard)}

    return cut


@pytest.fixture
def learn() -> Callable[..., list[float]]:
    """Return a function that takes some steps and returns the losses."""

    def steps(
        network: nn.Module,
        loss: Callable[[nn.Module, Tensors], tuple[torch.Tensor, Metrics]],
        batches: list[Tensors],
        learning_rate: float,
    ) -> list[float]:
        trained = [p for p in network.parameters() if p.requires_grad]
        optimizer = torch.optim.Adam(trained, lr=learning_rate)
        losses = []
        network.train()
        for batch in batches:
            value, _ = loss(network, batch)
            optimizer.zero_grad()
            value.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(trained, 1.0)
            optimizer.step()
            losses.append(value.item())
        return losses

    return steps
