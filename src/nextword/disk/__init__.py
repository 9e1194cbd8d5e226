"""Reading and writing files: never half-written, always checked, and never executed."""
