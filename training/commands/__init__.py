"""Commands that prepare clips and export weights."""
