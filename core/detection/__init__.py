"""From a decoded clip to an offset with a margin: windows, evidence, estimate, verdict."""
