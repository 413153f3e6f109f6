"""Reading and decoding of media files."""
