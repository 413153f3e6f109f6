"""Reading, decoding and re-muxing media files; knows nothing of models."""
