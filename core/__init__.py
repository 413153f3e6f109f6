"""Detection and correction of audio-video offsets, without any user interface."""
