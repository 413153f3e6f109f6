"""Order and amount of analysis: scope, chunks, time budget."""
