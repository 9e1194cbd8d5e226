"""How probable is it: lines of text, candidates for a gap, lines that stand out."""
