"""Clips with exactly known timing, rendered to train and to measure the built-in model."""
