"""Types that metrics are passed around in."""

Metrics = dict[str, float]
