"""Optimizer, schedule, averages of weights."""
