"""A model on disk: written, verified and read without ever running anything from it."""
