"""Calibration of a model by a user's clips in sync.

`trials` analyzes every clip at known offsets. `fit` derives bias, class response and interval
margins of the model from the trials.
"""
