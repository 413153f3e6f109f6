"""Published checkpoints: reading, checking and building."""
