"""Runs for other tools, and other tools' searches as runs.

The way out: `contents` reads a run once, `export` picks the format, and a module a tool writes
it (`tables`, `optuna_out`, `mlflow_out`, `tensorboard_out`). The way in: `optuna_in` reads a
study, `derived` makes a configuration of it where the user has none, `taken` turns its trials
into ours, and `imported` makes the run directory.
"""
