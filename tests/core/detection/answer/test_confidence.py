import pytest

from core.detection.answer.confidence import ConfidenceFeatures, ConfidenceRule

RULE = ConfidenceRule(-1.0, 0.5, 0.8, 0.6)

_features = ConfidenceFeatures.from_probabilities


def test_even_odds_and_a_uniform_guess_are_neutral() -> None:
    assert _features(0.5, 0.5, 0.05, 0.05) == ConfidenceFeatures(0, 0, 0)


def test_features_have_the_sign_of_their_evidence() -> None:
    high = _features(0.9, 0.8, 0.5, 0.05)
    low = _features(0.1, 0.2, 0.001, 0.05)
    assert min(high.own, high.synchronizability, high.second) > 1
    assert max(low.own, low.synchronizability, low.second) < -1
    assert (high.own, high.synchronizability) == pytest.approx((-low.own, -low.synchronizability))


@pytest.mark.parametrize(("probability", "limit"), [(0.0, -6.0), (1.0, 6.0)])
def test_certainty_is_clipped(probability: float, limit: float) -> None:
    features = _features(probability, probability, probability, 1e-9 if probability else 0.05)
    assert features == ConfidenceFeatures(limit, limit, limit)


def test_rule_is_a_logistic_regression() -> None:
    own_only = ConfidenceRule(0, 1, 0, 0)
    assert own_only.confidence(ConfidenceFeatures(0, 9, 9)) == pytest.approx(0.5)
    assert own_only.confidence(_features(0.8, 0.5, 1, 1)) == pytest.approx(0.8)
    assert RULE.confidence(ConfidenceFeatures(2, 0, 0)) == pytest.approx(0.5)


@pytest.mark.parametrize("name", ["own", "synchronizability", "second"])
def test_each_feature_raises_the_confidence(name: str) -> None:
    values = [RULE.confidence(_only(name, value)) for value in (-3.0, 0.0, 3.0)]
    assert values == sorted(set(values))


def _only(name: str, value: float) -> ConfidenceFeatures:
    return ConfidenceFeatures(**{"own": 0.0, "synchronizability": 0.0, "second": 0.0, name: value})


@pytest.mark.parametrize("value", [6.0, -6.0])
def test_confidence_stays_a_probability(value: float) -> None:
    steep = ConfidenceRule(0, 20, 20, 20)
    assert 0 <= steep.confidence(ConfidenceFeatures(value, value, value)) <= 1
