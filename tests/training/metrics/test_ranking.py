import numpy as np
import pytest

from training.metrics import ranking


def test_class_accuracy_counts_exact_and_neighbouring_classes() -> None:
    assert ranking.class_accuracy([0, 1, -1, 5]) == 0.25
    assert ranking.class_accuracy([0, 1, -1, 5], within=1) == 0.75


def test_quantiles_are_of_absolute_errors_and_bias_of_signed_ones() -> None:
    errors_s = [-0.03, -0.02, 0.01]
    assert ranking.error_quantile_ms(errors_s, 0.5) == pytest.approx(20)
    assert ranking.error_quantile_ms(errors_s, 0.9) == pytest.approx(28)
    assert ranking.bias_ms(errors_s) == pytest.approx(-20)


def test_borders_of_an_interval_belong_to_it() -> None:
    assert ranking.coverage([(0.0, 1.0), (0.0, 1.0), (0.0, 1.0)], [0.0, 1.0, 1.1]) == pytest.approx(
        2 / 3
    )


def test_auc_is_one_when_all_positives_score_higher_and_half_when_all_tie() -> None:
    assert ranking.roc_auc([3, 4], [1, 2]) == 1.0
    assert ranking.roc_auc([1, 2], [3, 4]) == 0.0
    assert ranking.roc_auc([1, 1, 1], [1, 1]) == 0.5
    assert ranking.roc_auc([2, 1], [1, 0]) == 0.875


def test_auc_equals_the_share_of_pairs_in_order() -> None:
    rng = np.random.default_rng(0)
    above, below = rng.integers(0, 9, 40), rng.integers(0, 7, 30)
    pairs = [1.0 if a > b else 0.5 if a == b else 0.0 for a in above for b in below]
    assert ranking.roc_auc(above, below) == pytest.approx(np.mean(pairs))


def test_reliability_sorts_answers_into_bins_of_stated_confidence() -> None:
    bins = ranking.reliability(
        [0.1, 0.72, 0.78, 0.99, 1.0 + 1e-12], [False, True, False, True, True]
    )
    assert [item.n_answers for item in bins] == [1, 0, 0, 2, 0, 0, 2]
    of_two = next(item for item in bins if item.low == 0.7)
    assert of_two.stated == pytest.approx(0.75)
    assert of_two.right == 0.5
    assert bins[-1].right == 1.0


def test_nothing_to_measure_gives_no_figure() -> None:
    assert ranking.class_accuracy([]) is None
    assert ranking.error_quantile_ms([], 0.5) is None
    assert ranking.bias_ms([]) is None
    assert ranking.coverage([], []) is None
    assert ranking.roc_auc([], [1.0]) is None
    assert ranking.share([]) is None
