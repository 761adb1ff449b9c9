"""Babysitting from the terminal: the commands `babysit` and `steer`, and what they show.

`conduct` is the loop; `plain` shows lines, `terminal` the live view. That one is made of `screen`
(the terminal, taken and given back), `keys` (what a key asks for) and `layout` (the rows).
"""
