"""Comparison of a written file with its source."""
