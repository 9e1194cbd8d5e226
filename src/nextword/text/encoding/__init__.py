"""Lines to ids on disk, in several processes."""
