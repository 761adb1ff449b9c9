"""Data: sources, splits, standardisation."""
