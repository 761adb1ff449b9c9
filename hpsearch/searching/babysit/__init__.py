"""Babysitting: one model, watched while it trains, and nudged; the lecture's pandas.

A babysat model is a line of pieces that never change: a nudge ends one piece and starts the next
from its last epoch. The way through the modules: `lines` (the lines of pieces, and what each
intervention makes of them: pure), `nudge` (what may change, and to what), `bench` (what trains a
piece), `session` (the model at work in its run directory), `tending` (the loop: train, hear what
is asked, do it), `start` (where a model comes from), `replay`, and `story`, which reads it all.
"""
