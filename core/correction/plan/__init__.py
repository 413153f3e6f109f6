"""Plan of a correction: target, layout, edit lists, notes and refusals."""
