"""A model on disk: write it, check it and read it, without running anything from it."""
