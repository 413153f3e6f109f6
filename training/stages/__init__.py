"""The three stages of training: tasks, samples and validations."""
