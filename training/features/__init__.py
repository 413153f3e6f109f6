"""Segment features kept on disk."""
