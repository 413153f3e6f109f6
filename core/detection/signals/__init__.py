"""Motion and onset signals, and their correlation."""
