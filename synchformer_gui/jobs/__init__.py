"""Background jobs of the window."""
