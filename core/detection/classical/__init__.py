"""The classical estimate: motion of the picture against onsets of the sound."""
