"""Evaluation of models: perplexity, accuracy, and comparison of predicted with actual text."""
