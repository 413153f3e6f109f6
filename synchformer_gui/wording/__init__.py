"""Sentences for users."""
