"""Structure of media files, one module per container."""
