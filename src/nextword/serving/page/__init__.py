"""The page and what it fetches: files, description and packed model."""
