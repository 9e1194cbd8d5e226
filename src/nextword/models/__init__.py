"""The language model as a Keras model, and its presets."""
