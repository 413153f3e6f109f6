"""Confidence of an answer: a logistic regression on the evidence and a second opinion."""

import math
from dataclasses import dataclass

_LIMIT = 6.0
"""Features are clipped to this magnitude; larger values carry no further information."""


@dataclass(frozen=True, slots=True)
class ConfidenceFeatures:
    """Inputs of the regression, natural logarithms; 0 is neutral.

    Attributes:
        own: Log odds of the offsets near the answer against all others, by the engine.
        synchronizability: Log odds that audio and video belong together.
        second: Log ratio of the probability of the same offsets by the second opinion to that of
            a uniform guess.
    """

    own: float
    synchronizability: float
    second: float

    @classmethod
    def from_probabilities(
        cls, own: float, synchronizability: float, second: float, uniform: float
    ) -> "ConfidenceFeatures":
        """Transform probabilities to features.

        Args:
            own: Probability of the offsets near the answer, by the engine.
            synchronizability: Probability that audio and video belong together.
            second: Probability of the same offsets, by the second opinion.
            uniform: Probability of the same offsets if all offsets are equally likely.
        """
        ratio = math.log(max(second, 1e-6) / uniform)
        return cls(_log_odds(own), _log_odds(synchronizability), _clipped(ratio))


@dataclass(frozen=True, slots=True)
class ConfidenceRule:
    """Fitted weights of the regression and of the second opinion.

    Agreement of the two opinions raises the confidence, conflict lowers it. All values are fitted
    on clips outside the training set of the model.

    Attributes:
        intercept: Intercept of the regression.
        own: Weight of `ConfidenceFeatures.own`.
        synchronizability: Weight of `ConfidenceFeatures.synchronizability`.
        second: Weight of `ConfidenceFeatures.second`.
        evidence_weight: Factor of the log-likelihood of the second opinion in the evidence.
        least: Minimum confidence of an answer; the verdict is "cannot tell" below it.
        spread_share: Minimum half-width of the interval, in multiples of the mean spread of the
            windows (`core.detection.answer.posterior`).
    """

    intercept: float
    own: float
    synchronizability: float
    second: float
    evidence_weight: float = 0.0
    least: float = 0.7
    spread_share: float = 0.0

    def confidence(self, features: ConfidenceFeatures) -> float:
        """Probability, 0..1, that the answer is right."""
        total = (
            self.intercept
            + self.own * features.own
            + self.synchronizability * features.synchronizability
            + self.second * features.second
        )
        return 1 / (1 + math.exp(-total))


def _log_odds(probability: float) -> float:
    bounded = min(max(probability, 1e-6), 1 - 1e-6)
    return _clipped(math.log(bounded / (1 - bounded)))


def _clipped(feature: float) -> float:
    return min(max(feature, -_LIMIT), _LIMIT)
