"""Audio whose speed or position changes: decoding, stretching and encoding."""
