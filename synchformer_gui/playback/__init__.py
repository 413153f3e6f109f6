"""Playing a clip: a small interface and the player behind it."""
