"""What a run found: a pure summary, shown on the terminal, as JSON and as CSV."""
