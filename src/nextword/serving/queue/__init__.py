"""Admission and continuous batching: requests share the steps of the engine."""
