"""Automatic crop: the square of each shot that a network with a square view gets.

`motion_map` measures, in the shots found by `shots`, where motion correlates with the audio and
where `faces` finds faces. `autocrop` chooses squares from these maps, and `cut` cuts them out of
frames.
"""
