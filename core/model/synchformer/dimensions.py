"""Sizes that the published networks share (Iashin et al., ICASSP 2024).

Checkpoints carry no sizes of their own: all published files have these.
"""

SEGMENT_FRAMES = 16
"""Video frames in a segment (0.64 s at 25 fps)."""

SEGMENT_SAMPLES = 10240
"""Audio samples in a segment (0.64 s at 16 kHz)."""

SEGMENT_HOP_FRAMES = 8
"""Video frames from one segment to the next (half overlap)."""

WINDOW_SEGMENTS = 14
"""Segments that the offset classifier sees at once."""

WINDOW_FRAMES = SEGMENT_FRAMES + (WINDOW_SEGMENTS - 1) * SEGMENT_HOP_FRAMES
"""Frames covered by a window: 120, which is 4.8 s."""

CROP_FRAMES = 125
"""Frames of the 5 s crop from which a window is taken."""

CROP_FIRST_FRAME = (CROP_FRAMES - WINDOW_FRAMES) // 2
"""First frame of the window inside its crop at test time: 2."""

SYNC_SEGMENTS = 13
"""Segments that the synchronizability head sees: the first 13 of a window."""

FRAME_SIDE_PX = 224
"""Side of the square that the visual tower sees."""

WIDTH = 768
"""Width of every token."""

VISUAL_STEPS = 8
"""Time steps of a segment's visual features: one per two frames."""

AUDIO_STEPS = 6
"""Time steps of a segment's audio features: one per 0.1 s."""

MEL_BANDS = 128
"""Frequency bands that the audio tower sees."""

MEL_COLUMNS = 66
"""Spectrogram columns that the audio tower sees per segment; the last one is padding."""
