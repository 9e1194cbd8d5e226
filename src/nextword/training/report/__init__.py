"""What a run shows and logs."""
