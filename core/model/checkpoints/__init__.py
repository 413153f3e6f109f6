"""Checkpoint files: reading, refusing, describing, and building networks from them.

A file is refused in `checkpoint` (content, parts, names, shapes, types) or in `safe_pickle`
(damaged archives, pickles that ask for code).
"""
