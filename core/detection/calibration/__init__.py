"""Margins and bias of an engine, measured on clips in sync."""
