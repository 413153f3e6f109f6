"""The timeline: evidence over time."""
