"""Generated clips with exactly known timing, for training and measuring the built-in model."""
