"""Bytes to lines, counted."""
