"""How likely an answer is right, judged from two opinions about the same clip."""

import math
from dataclasses import dataclass

_MOST = 6.0
"""Features are cut off here: beyond it, more of the same tells nothing more."""


@dataclass(frozen=True, slots=True)
class Signs:
    """What speaks for an answer; each is a natural logarithm, 0 being neutral.

    Attributes:
        own: Log odds of the neighbourhood of the answer against all other offsets.
        belonging: Log odds that what is heard belongs to what is seen.
        second: How much more probable than a blind guess the second opinion holds that
            neighbourhood.
    """

    own: float
    belonging: float
    second: float


@dataclass(frozen=True, slots=True)
class ConfidenceRule:
    """How a second opinion enters the answer, and how likely the answer is right.

    The likelihood is a logistic regression on the signs: agreement of the two opinions raises it,
    conflict lowers it. All numbers are fitted on clips that the model was not trained on.

    Attributes:
        intercept: Of the regression.
        own: Weight of that sign.
        belonging: Likewise.
        second: Likewise.
        evidence_weight: What the log-likelihood of the second opinion counts in the answer.
        least: Confidence below which the answer is "cannot tell".
        spread_share: The interval reaches at least so many times the mean spread of the windows
            (`core.detection.answer.window_weights`) from the answer.
    """

    intercept: float
    own: float
    belonging: float
    second: float
    evidence_weight: float = 0.0
    least: float = 0.7
    spread_share: float = 0.0

    def confidence(self, signs: Signs) -> float:
        """Return the probability, 0..1, that the answer is right."""
        total = (
            self.intercept
            + self.own * signs.own
            + self.belonging * signs.belonging
            + self.second * signs.second
        )
        return 1 / (1 + math.exp(-total))


def signs_of(own: float, belonging: float, second: float, blind: float) -> Signs:
    """Turn probabilities into signs.

    Args:
        own: Probability of the neighbourhood of the answer.
        belonging: Synchronizability.
        second: Probability of the same neighbourhood by the second opinion.
        blind: The same where every offset is equally probable.
    """
    ratio = math.log(max(second, 1e-6) / blind)
    return Signs(_log_odds(own), _log_odds(belonging), min(max(ratio, -_MOST), _MOST))


def _log_odds(probability: float) -> float:
    bounded = min(max(probability, 1e-6), 1 - 1e-6)
    return min(max(math.log(bounded / (1 - bounded)), -_MOST), _MOST)
