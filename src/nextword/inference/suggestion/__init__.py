"""Word suggestions while a text is typed."""
