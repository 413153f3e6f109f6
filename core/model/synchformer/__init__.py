"""The Synchformer network."""
