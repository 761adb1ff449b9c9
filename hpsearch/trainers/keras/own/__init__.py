"""A Keras model of the user's own, trained on hpsearch's data.

`build`, `training` and `export` import Keras as they are imported themselves: only once
`keras.framework.start` has prepared the process.
"""

from hpsearch.trainers.keras.own.saved import Origin, SavedModel, open_saved
from hpsearch.trainers.keras.own.signature import takes
from hpsearch.trainers.keras.own.trainer import OwnKerasTrainer

__all__ = ["Origin", "OwnKerasTrainer", "SavedModel", "open_saved", "takes"]
