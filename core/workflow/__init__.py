"""Whole tasks: preview and export of a correction, and checks of folders."""
