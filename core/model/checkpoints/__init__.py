"""Checkpoint files: reading, refusing, describing, and building networks from them.

A file is refused in `refusals` (content, parts, names, shapes, types) or in `safe_pickle` (damaged
archives, pickles that ask for code).
"""
