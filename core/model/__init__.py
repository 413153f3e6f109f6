"""Networks, their inputs, checkpoints and installation; independent of media files.

Letters used for shapes throughout the package: B batch, S segments, T time steps (frames or
spectrogram columns), C channels, H height, W width, F frequency bands, N tokens, D width (768),
K classes (21 offsets or 2 for synchronizability).
"""
