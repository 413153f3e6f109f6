"""Retiming of audio: decoding, stretching and encoding."""
