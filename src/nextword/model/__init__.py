"""The language model, a Keras model, and its presets."""
