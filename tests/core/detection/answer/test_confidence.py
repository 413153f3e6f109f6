import pytest

from core.detection.answer.confidence import ConfidenceRule, Signs, signs_of

RULE = ConfidenceRule(-1.0, 0.5, 0.8, 0.6)


def test_even_odds_and_a_blind_guess_are_neutral() -> None:
    assert signs_of(0.5, 0.5, 0.05, 0.05) == Signs(0, 0, 0)


def test_signs_point_to_what_speaks_for_and_against() -> None:
    speaks_for = signs_of(0.9, 0.8, 0.5, 0.05)
    against = signs_of(0.1, 0.2, 0.001, 0.05)
    assert min(speaks_for.own, speaks_for.belonging, speaks_for.second) > 1
    assert max(against.own, against.belonging, against.second) < -1
    assert (speaks_for.own, speaks_for.belonging) == pytest.approx(
        (-against.own, -against.belonging)
    )


@pytest.mark.parametrize(("probability", "limit"), [(0.0, -6.0), (1.0, 6.0)])
def test_certainty_is_cut_off(probability: float, limit: float) -> None:
    signs = signs_of(probability, probability, probability, 1e-9 if probability else 0.05)
    assert (signs.own, signs.belonging, signs.second) == (limit, limit, limit)


def test_rule_is_a_logistic_regression() -> None:
    assert ConfidenceRule(0, 1, 0, 0).confidence(Signs(0, 9, 9)) == pytest.approx(0.5)
    assert ConfidenceRule(0, 1, 0, 0).confidence(signs_of(0.8, 0.5, 1, 1)) == pytest.approx(0.8)
    assert RULE.confidence(Signs(2, 0, 0)) == pytest.approx(0.5)


@pytest.mark.parametrize("name", ["own", "belonging", "second"])
def test_each_sign_raises_the_confidence(name: str) -> None:
    values = [RULE.confidence(Signs(**_signs(name, value))) for value in (-3.0, 0.0, 3.0)]
    assert values == sorted(set(values))


def _signs(name: str, value: float) -> dict[str, float]:
    return {"own": 0.0, "belonging": 0.0, "second": 0.0, name: value}


@pytest.mark.parametrize("sign", [6.0, -6.0])
def test_confidence_stays_a_probability(sign: float) -> None:
    steep = ConfidenceRule(0, 20, 20, 20)
    assert 0 <= steep.confidence(Signs(sign, sign, sign)) <= 1
