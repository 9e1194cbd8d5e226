"""The pages of the documentation and the examples in them, for tests and scripts."""
