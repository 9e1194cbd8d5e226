"""Speed and memory by the size of the text."""
