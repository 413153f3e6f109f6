"""The offset over the time of a clip."""
