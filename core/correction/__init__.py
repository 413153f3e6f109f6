"""Correct the timing of audio: plan, write, verify, retime."""
