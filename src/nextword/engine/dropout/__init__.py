"""Monte-Carlo dropout: the mean of predictions under many dropout masks."""
