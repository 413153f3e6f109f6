"""The built-in lag-correlation network and its file."""
