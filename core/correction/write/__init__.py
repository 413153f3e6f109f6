"""Writing of a planned correction."""
