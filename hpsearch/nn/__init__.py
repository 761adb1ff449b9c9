"""The network: dense layers, batch norm, softmax; NumPy only, many trials at once.

Arrays carry a leading trial axis, so that networks of one shape train as one array program; a
single network is a stack of one. Axis letters: t trials, m examples of a mini-batch, u units of
a layer, c classes, p parameters, s statistics of batch norm.
"""
