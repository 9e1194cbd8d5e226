"""Find any text, make it plain, split it: three ranges of plain files."""
