"""Babysitting from the terminal: the commands `babysit` and `steer`, and what they show."""
