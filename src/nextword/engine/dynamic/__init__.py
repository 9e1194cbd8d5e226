"""Dynamic evaluation: weights that continue to learn from the text that they predict."""
