"""nextword from Python: train a model, or load one, and call its methods."""
