import torch

from core.model.synchformer.sync_transformer import Head
from core.model.synchformer.synchformer import Synchformer
from tests.training.stages.conftest import FixedSamples
from training.aliases import Tensors
from training.stages.rank_share import Share
from training.stages.sync import WindowTask, answer, ask, build_learner


def features(label: int, head: Head, seed: int) -> Tensors:
    """Features of a window that say nothing but which one it is."""
    n_segments = 14 if head == "sync" else 13
    generator = torch.Generator().manual_seed(seed)
    return {
        "visual": torch.randn(n_segments, 8, 24, generator=generator).half(),
        "audio": torch.randn(n_segments, 6, 24, generator=generator).half(),
        "label": torch.tensor(label),
    }


def test_only_what_follows_the_towers_learns() -> None:
    network = build_learner("sync", width=24, depth=1)
    learning = {n.partition(".")[0] for n, p in network.named_parameters() if p.requires_grad}
    assert learning == {"vproj", "aproj", "transformer"}


def test_pictures_and_their_features_get_the_same_answer_and_leave_the_towers_alone() -> None:
    torch.manual_seed(0)
    network = build_learner("sync", width=24, depth=1, dropout=0.0).train()
    video, mel = torch.randn(1, 14, 16, 3, 224, 224).half(), torch.randn(1, 14, 1, 128, 66)
    logits = answer(network, {"video": video, "mel": mel})
    logits.sum().backward()  # type: ignore[no-untyped-call]
    assert network.vproj.weight.grad is not None
    assert all(p.grad is None for p in network.vfeat_extractor.parameters())
    with torch.no_grad():
        ready = {"visual": network.encode_video(video), "audio": network.encode_audio(mel)}
    torch.testing.assert_close(answer(network, ready), logits)


def test_answers_keep_the_order_of_the_questions() -> None:
    network = build_learner("sync", width=24, depth=1)
    samples = FixedSamples([features(label, "sync", label) for label in (3, 9, 14)])
    task = WindowTask(samples, samples, Share(batch_size=2))
    answers = ask(network, task.batches(0, 2))
    assert answers.targets.tolist() == [3, 9, 14, 3]
    assert answers.items.tolist() == [0, 1, 2, 0]
    assert answers.logits[0].equal(answers.logits[3])


def test_no_questions_have_no_answers() -> None:
    assert ask(Synchformer(head="synchability", width=24, depth=1), []).logits.shape == (0, 2)
