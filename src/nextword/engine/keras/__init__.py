"""The engines over a Keras model; the only folder of this room that imports Keras."""
