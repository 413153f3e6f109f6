"""From evidence to an answer: estimate, interval, verdict and sync map."""
