"""Combination of the evidence of all windows into one answer for the clip.

`estimate` runs these steps for a single offset: `posterior` weights the windows and multiplies
their likelihoods, `confidence` rates the peak, `interval` measures its width and
`verdict` compares the interval with the tolerance. `map_search` looks for an offset that changes
over time: `changes` sums the evidence per time bin and fits drift and jumps to the sums.
"""
