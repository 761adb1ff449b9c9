"""The same network trained by Keras, on the same prepared arrays.

`layers`, `optimizers`, `program` and `export` import Keras as they are imported themselves: only
once `framework.start` has prepared the process.
"""

from hpsearch.trainers.keras.trainer import KerasTrainer

__all__ = ["KerasTrainer"]
