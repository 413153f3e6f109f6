"""The Synchformer engine: segments, audio shifts and class response."""
