"""The three stages of training: what each learns, from which samples, and how it is watched."""
