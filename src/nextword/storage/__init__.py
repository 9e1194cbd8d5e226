"""How anything gets on the disk and back: whole, checked, and without running what it reads."""
