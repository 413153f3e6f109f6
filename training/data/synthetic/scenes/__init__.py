"""What can be seen and heard in a generated clip; each module holds a family of scenes."""
