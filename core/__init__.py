"""Detection and correction of audio-video offsets, without any user interface."""

__version__ = "0.1.0"
