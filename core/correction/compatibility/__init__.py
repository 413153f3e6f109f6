"""Limits of containers for streams, tags, dispositions and properties."""
