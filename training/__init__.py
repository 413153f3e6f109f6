"""Training and evaluation of the networks of `core`; runs from a checkout only."""
