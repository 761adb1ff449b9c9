"""The same network trained by Keras, on the same prepared arrays.

`layers`, `program` and `export` import Keras as they are imported themselves; only `trainer` and
`export_model` may be, once `framework.start` has prepared the process.
"""

from hpsearch.trainers.keras.trainer import KerasTrainer, export_model

__all__ = ["KerasTrainer", "export_model"]
