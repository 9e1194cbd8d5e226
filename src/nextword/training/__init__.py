"""The training wing: windows to weights."""
