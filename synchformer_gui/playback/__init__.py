"""Playing a clip."""
