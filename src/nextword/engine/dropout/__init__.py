"""Monte-Carlo dropout: the mean of predictions with different units dropped."""
