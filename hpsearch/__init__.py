"""Hyperparameter search: random, coarse to fine, on the right scale."""
