"""Metrics, figures and plots."""
