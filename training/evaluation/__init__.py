"""Measuring a trained network: figures of merit, tables and plots."""
