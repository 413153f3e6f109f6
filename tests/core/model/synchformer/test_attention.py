import pytest
import torch
from torch import nn

from core.model.synchformer.attention import ClassAggregator, StochasticDepth, attend


def test_aggregator_is_the_class_row_of_an_encoder_layer() -> None:
    torch.manual_seed(0)
    aggregator = ClassAggregator(width=48, n_heads=12)
    layer = nn.TransformerEncoderLayer(
        48, 12, 192, dropout=0, activation="gelu", layer_norm_eps=1e-6, norm_first=True
    )
    weights = aggregator.state_dict()
    cls = weights.pop("cls_token")
    layer.load_state_dict(weights)
    tokens = torch.randn(5, 7, 48)
    sequence = torch.cat([cls.expand(5, 1, 48), tokens], dim=1)
    expected = layer(sequence.transpose(0, 1))[0]
    torch.testing.assert_close(aggregator(tokens), expected, rtol=0, atol=1e-5)


def test_attention_weighs_values_by_scaled_similarity() -> None:
    torch.manual_seed(0)
    query, key, value = torch.randn(2, 3, 8), torch.randn(2, 5, 8), torch.randn(2, 5, 8)
    attended = attend(query, key, value, n_heads=2)
    for head in (slice(0, 4), slice(4, 8)):
        weights = (query[..., head] @ key[..., head].transpose(1, 2) / 2).softmax(dim=-1)
        torch.testing.assert_close(attended[..., head], weights @ value[..., head])


def test_stochastic_depth_drops_whole_items_and_keeps_the_mean() -> None:
    torch.manual_seed(0)
    branch = torch.ones(4000, 2, 3)
    dropped = StochasticDepth(0.2).train()(branch)
    assert set(dropped.flatten().tolist()) == {0.0, 1.25}
    assert (dropped == dropped[:, :1, :1]).all()
    assert dropped.mean().item() == pytest.approx(1, abs=0.03)


def test_stochastic_depth_does_nothing_outside_training() -> None:
    branch = torch.ones(3, 2)
    assert StochasticDepth(0.9).eval()(branch) is branch
    assert StochasticDepth(0.0).train()(branch) is branch
