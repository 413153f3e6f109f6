"""Type of metrics."""

Metrics = dict[str, float]
