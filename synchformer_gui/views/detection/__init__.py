"""Views of the detection settings and the answer."""
