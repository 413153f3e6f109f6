"""Sizes of the published networks (Iashin et al., ICASSP 2024), the same in all checkpoints."""

SEGMENT_FRAMES = 16
"""Video frames in a segment (0.64 s at 25 fps)."""

SEGMENT_SAMPLES = 10240
"""Audio samples in a segment (0.64 s at 16 kHz)."""

SEGMENT_HOP_FRAMES = 8
"""Video frames from one segment to the next (half overlap)."""

WINDOW_SEGMENTS = 14
"""Segments in a window, the input of the offset classifier."""

WINDOW_FRAMES = SEGMENT_FRAMES + (WINDOW_SEGMENTS - 1) * SEGMENT_HOP_FRAMES
"""Frames covered by a window: 120, which is 4.8 s."""

CROP_FRAMES = 125
"""Frames of a 5 s crop; the window lies within the crop."""

CROP_FIRST_FRAME = (CROP_FRAMES - WINDOW_FRAMES) // 2
"""First frame of the window inside its crop at test time: 2."""

SYNC_SEGMENTS = 13
"""Segments in the input of the synchronizability head: the first 13 of a window."""

FRAME_SIDE_PX = 224
"""Side of the square input of the visual tower."""

WIDTH = 768
"""Width of every token."""

VISUAL_STEPS = 8
"""Time steps of a segment's visual features: one per two frames."""

AUDIO_STEPS = 6
"""Time steps of a segment's audio features: one per 0.1 s."""

MEL_BANDS = 128
"""Frequency bands in the input of the audio tower."""

MEL_COLUMNS = 66
"""Spectrogram columns per segment in the input of the audio tower; the last one is padding."""
