"""Which square of the picture a network with a square view is shown."""
