"""What a container can carry of each stream, tag, flag and property."""
