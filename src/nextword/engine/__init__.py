"""Engines: token ids to log-probabilities, independent of the library that runs the model."""
