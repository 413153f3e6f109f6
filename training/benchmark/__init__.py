"""Benchmark of the built-in model and the classical estimates."""
