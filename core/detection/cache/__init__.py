"""What was found out about clips before, on the disk."""
