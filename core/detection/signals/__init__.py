"""Motion and onset signals, and their cross-correlation.

`motion` and `onsets` measure the video at 25 Hz and the audio at 100 Hz as a clip streams by.
`detrend` removes slow changes, and `correlation` turns the match at each offset into a
log-likelihood, for both users: the classical engine and the automatic crop.
"""
