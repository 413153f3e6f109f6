"""Speakers and singers: the words, the voice, and the motion of face and body."""
