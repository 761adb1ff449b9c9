"""Kind `keras`: the network trained by Keras, or a Keras model of the user's.

`layers`, `optimizers`, `program`, `export` and `user_model` import Keras as they are imported
themselves: only once `framework.start` has prepared the process.
"""
