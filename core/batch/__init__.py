"""Many files through one loaded detector."""
