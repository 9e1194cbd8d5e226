"""Text and words as vectors."""
