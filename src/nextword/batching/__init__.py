"""From token ids to windows; NumPy alone, knowing neither text nor model."""
