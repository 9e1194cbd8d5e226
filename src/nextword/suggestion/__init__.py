"""What may come next: the most probable words after a text."""
