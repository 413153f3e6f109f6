"""Clips to learn and measure from."""
