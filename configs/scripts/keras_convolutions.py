"""A small convolutional network in Keras, for keras_convolutions.yaml."""

import keras
from keras import layers


def build(params, features, classes):
    """A compiled model for pictures that are square."""
    side = int(features**0.5)
    model = keras.Sequential([keras.Input((features,)), layers.Reshape((side, side, 1))])
    for filters in params["filters"]:
        model.add(layers.Conv2D(filters, 3, padding="same", activation="relu"))
        model.add(layers.BatchNormalization())
    model.add(layers.GlobalMaxPooling2D())
    model.add(layers.Dropout(params["dropout"]))
    model.add(layers.Dense(classes))
    model.compile(
        keras.optimizers.Adam(params["learning_rate"]),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    return model
