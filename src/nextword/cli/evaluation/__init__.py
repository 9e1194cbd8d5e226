"""The columns of `nextword evaluate`, and its keystrokes."""
