"""Scenes of generated clips; each module holds a family of scenes.

Shared parts: `impact_kit` for scenes of impacts, `drawing` and `sounds` for all others except
faces.
"""
