"""Engines that turn a clip into evidence."""
