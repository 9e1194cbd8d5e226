"""Text from a model: how a token is drawn, and how the drawn tokens become text."""
